"""The judge of titles against sacrebleu, and on the world's own strings."""

import numpy as np
import pytest
from sacrebleu.metrics.chrf import CHRF

from jobs.simulator.wording import DESCRIPTIVE, PLAIN, PLAYFUL, title
from jobs.stickers.pack import LANGUAGES, PicturePack
from recsys_eval.judge.title_judge import ChrfTable, TitleJudge, true_strings


@pytest.fixture(scope="module")
def subjects():
    return PicturePack.load().subjects[::12]


@pytest.fixture(scope="module")
def judge(subjects):
    return TitleJudge(subjects)


def test_the_table_agrees_with_sacrebleu():
    strings = ["pizza", "pizza: slice, cheese", "Sag Hallo: Pizza!", "aaaa", "今日の気分は「ピザ」", "x y"]
    texts = ["piza", "Say hello to: pizza!", "aa", "ピザ？もちろん！", "", "xy"]
    found = ChrfTable(strings).scores(texts)
    chrf = CHRF()
    expected = [[chrf.sentence_score(string, [text]).score / 100 for string in strings] for text in texts]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_every_true_string_is_read_as_what_it_says(judge, subjects):
    strings = true_strings(subjects)[::7]
    readings = judge.read([s.text for s in strings], [(s.subject, s.language) for s in strings])
    assert all(reading.similarity == 1.0 for reading in readings)
    for string, reading in zip(strings, readings, strict=True):
        assert (reading.subject, reading.language) == (string.subject, string.language)
        # A descriptive title of a subject without tags is the plain one.
        assert title(subjects[reading.subject], reading.kind, reading.language) == string.text or (
            reading.kind == string.kind
        )


def test_a_typo_changes_little_and_another_subject_is_not_taken_for_the_one_meant(judge, subjects):
    number = next(n for n, s in enumerate(subjects) if len(s.labels["en"]) > 12 and len(s.tags["en"]) > 2)
    label = subjects[number].labels["en"]
    typo = "Say helo to: " + label + "!"
    (reading,) = judge.read([typo], [(0, "ja")])
    assert (reading.subject, reading.language, reading.kind) == (number, "en", PLAYFUL)
    assert 0.7 < reading.similarity < 1


def test_of_equal_strings_the_one_meant_is_taken(judge, subjects):
    same = [
        (number, one, two)
        for number, s in enumerate(subjects)
        for one in LANGUAGES
        for two in LANGUAGES
        if one < two and s.labels[one] == s.labels[two]
    ]
    number, one, two = same[0]
    label = subjects[number].labels[one]
    readings = judge.read([label, label], [(number, one), (number, two)])
    assert [(r.subject, r.language, r.kind) for r in readings] == [(number, one, PLAIN), (number, two, PLAIN)]


def test_kinds_are_told_apart(judge, subjects):
    number = next(n for n, s in enumerate(subjects) if len(s.tags["de"]) > 3)
    texts = [title(subjects[number], kind, "de") for kind in (PLAIN, DESCRIPTIVE, PLAYFUL)]
    readings = judge.read(texts, [(number, "de")] * 3)
    assert [reading.kind for reading in readings] == [PLAIN, DESCRIPTIVE, PLAYFUL]
