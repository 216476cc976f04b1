"""A small feed in two languages, its tokenizer and an untrained writer."""

import numpy as np
import pyarrow as pa
import pytest

from generation.personalization.dppmg.titles.content import content_of
from generation.personalization.dppmg.titles.groups import WordsCodes
from generation.personalization.dppmg.titles.makeup import make_up
from generation.personalization.dppmg.titles.material import Material
from generation.personalization.dppmg.titles.taste import TitleEvents, tastes_of
from generation.personalization.dppmg.titles.tokenizer import TitleTokenizer, train_tokenizer
from generation.personalization.dppmg.titles.writer import Writer, new_model

NAMES = {
    "fox": ("Fuchs", "red", "rot"),
    "cheese": ("Käse", "yellow", "gelb"),
    "rocket": ("Rakete", "space", "Weltraum"),
    "hot dog": ("Hotdog", "sausage", "Wurst"),
    "umbrella": ("Regenschirm", "rain", "Regen"),
    "window": ("Fenster", "glass", "Glas"),
}


@pytest.fixture(scope="session")
def content():
    made = [
        content_of(name, {"en": name, "de": german}, {"en": [word, "thing"], "de": [other, "Ding"]})
        for name, (german, word, other) in NAMES.items()
    ]
    return {one.item_id: one for one in made}


@pytest.fixture(scope="session")
def tokenizer(content):
    texts = [text for one in content.values() for lang in ("en", "de") for text in (one.labels[lang], *one.words[lang])]
    return TitleTokenizer(train_tokenizer([*texts, "Say hello to: fox!", "Sag Hallo: Fuchs!"], ["de", "en"]))


@pytest.fixture
def writer(tokenizer):
    return Writer(new_model(tokenizer, 0), tokenizer)


def titled(item, kind, language):
    german, word, other = NAMES[item]
    label = item if language == "en" else german
    words = f"{word}, thing" if language == "en" else f"{other}, Ding"
    phrase = f"Say hello to: {label}!" if language == "en" else f"Sag Hallo: {label}!"
    return (label, f"{label}: {words}", phrase)[kind]


@pytest.fixture(scope="session")
def material(content):
    """60 users: even ones click phrases, odd ones click words; every user saw each kind of title 12 times."""
    rows, generator = [], np.random.default_rng(0)
    for user in range(60):
        for number in range(36):
            kind = number % 3
            chance = 0.5 if kind == (2 if user % 2 == 0 else 1) else 0.1
            item = list(NAMES)[int(generator.integers(len(NAMES)))]
            language = "en" if user < 40 else "de"
            rows.append((user, item, titled(item, kind, language), bool(generator.random() < chance), kind))
    events = TitleEvents(
        users=[f"u{n:02d}" for n in range(60)],
        user=np.array([row[0] for row in rows]),
        items=pa.chunked_array([pa.array([row[1] for row in rows])]),
        titles=[row[2] for row in rows],
        made=[make_up(row[2], content[row[1]]) for row in rows],
        clicked=np.array([row[3] for row in rows], float),
        position=np.ones(len(rows), np.int64),
        propensity=np.array([0.7 if row[4] == 0 else 0.15 for row in rows]),
    )
    examination = np.ones(1)
    tastes = tastes_of(events, examination)
    codes = WordsCodes(centres=np.array([[-0.5, 0.5], [0.5, -0.5]]))
    return Material(content=content, events=events, tastes=tastes, codes=codes, examination=examination)
