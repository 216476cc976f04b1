import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from conf.errors import UsageError
from conf.settings import Settings
from generation.personalization.dppmg.titles.checkpoint import SHIPPED, load_writer
from generation.personalization.dppmg.titles.training.clicks import ClickSampler, Syllables, clicked_titles, coded
from generation.personalization.dppmg.titles.training.train import (
    Run,
    TitleTraining,
    WritingSettings,
    beginning_of,
    bits_a_byte,
    copied_share,
    place_of,
    title_loss,
    tokenizer_of,
    train,
)
from generation.personalization.dppmg.titles.writer import Asked, Writer, new_model
from tests.support.models import tiny_language

SETTINGS = WritingSettings(steps=4, rows=4, every=2, learning_rate=1e-3)


@pytest.fixture(scope="module")
def rows(material):
    return clicked_titles(material.events, material.tastes, material.codes, material.content, "train")


@pytest.fixture
def sampler(rows, tokenizer):
    return ClickSampler(rows, tokenizer, Syllables({"en": ["fox"], "de": ["Fuchs"]}), share=0.3, seed=1)


def test_the_loss_is_that_of_transformers(writer, rows):
    prompt, title = coded(writer.tokenizer, rows[0], 0)
    ids = torch.tensor([prompt + title])
    labels = torch.tensor([[-100] * len(prompt) + title])
    with torch.no_grad():
        theirs = writer.model(input_ids=ids, labels=labels).loss * len(title)
        other = coded(writer.tokenizer, rows[5], 1)
        ours = title_loss(writer.model, [(prompt, title), other], writer.padding)
    assert float(ours[0]) == pytest.approx(float(theirs), rel=1e-4)


def test_bits_a_byte_by_hand(writer, rows):
    with torch.no_grad():
        nats = [float(title_loss(writer.model, [coded(writer.tokenizer, r, r.code)], writer.padding)) for r in rows[:3]]
    size = sum(len(row.title.encode()) + 1 for row in rows[:3])
    assert bits_a_byte(writer.model, writer.tokenizer, rows[:3]) == pytest.approx(
        sum(nats) / np.log(2) / size, rel=1e-4
    )


def test_a_killed_training_goes_on_as_if_it_had_not_been(sampler, rows, tokenizer, tmp_path):
    def run(work, minutes=None):
        (tmp_path / work).mkdir(exist_ok=True)
        one = Run(new_model(tokenizer, 0), SETTINGS, tmp_path / work)
        return one, train(
            one, sampler, rows[:4], tokenizer, minutes=minutes, say=print, clock=iter(range(0, 999, 40)).__next__
        )

    whole, outcome = run("whole")
    assert outcome == "done"
    _, first = run("cut", minutes=1)
    assert first == "time is up"
    cut, second = run("cut")
    assert second == "done"
    for name, weight in whole.weights().items():
        assert torch.equal(weight, cut.weights()[name]), name
    progress = [json.loads(line) for line in (tmp_path / "cut" / "progress.jsonl").read_text().splitlines()]
    assert [line["step"] for line in progress] == [2, 4]
    assert whole.best == min(line["validation_bits_a_byte"] for line in progress)


def test_it_stops_when_nothing_gets_better(sampler, rows, tokenizer, tmp_path):
    settings = WritingSettings(steps=40, rows=2, every=1, patience=2, learning_rate=0.0)
    run = Run(new_model(tokenizer, 0), settings, tmp_path)
    assert train(run, sampler, rows[:2], tokenizer, minutes=None, say=print) == "no better for long"
    assert (run.best_step, run.step) == (1, 3)


def test_learning_lowers_the_bits(sampler, rows, tokenizer, tmp_path):
    run = Run(new_model(tokenizer, 0), WritingSettings(steps=25, rows=8, every=25, learning_rate=3e-3), tmp_path)
    before = bits_a_byte(run.model, tokenizer, rows[:20])
    train(run, sampler, rows[:20], tokenizer, minutes=None, say=print)
    assert run.best < 0.7 * before
    assert 0 <= copied_share(Writer(run.model, tokenizer), rows) <= 1


def test_the_tokenizer_has_seen_training_items_and_titles_alone(material, rows):
    made = tokenizer_of(material, rows)
    assert made.languages == ("de", "en")
    assert made.fingerprint == tokenizer_of(material, list(reversed(rows))).fingerprint


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    torch.set_num_threads(1)
    return tiny_language.make_writer("gpt2", tmp_path_factory.mktemp("gpt2"))


def test_a_killed_training_over_a_public_model_goes_on_and_what_it_ships_writes(
    material, rows, content, language_model, tmp_path
):
    ctx = SimpleNamespace(settings=Settings(dppmg={"writer": str(language_model), "writer_rank": 2}))

    def run(work, minutes=None):
        (tmp_path / work).mkdir(exist_ok=True)
        options = TitleTraining(date="2026-01-01", work=tmp_path / work, writing=SETTINGS)
        one = beginning_of(ctx, options, material, rows)
        sampler = ClickSampler(rows, one.tokenizer, Syllables({"en": ["fox"], "de": ["Fuchs"]}), share=0.3, seed=1)
        clock = iter(range(0, 999, 40)).__next__
        return one, train(one.run, sampler, rows[:4], one.tokenizer, minutes=minutes, say=print, clock=clock)

    whole, outcome = run("whole")
    assert outcome == "done"
    assert run("cut", minutes=1)[1] == "time is up"
    cut, again = run("cut")
    assert again == "done"
    assert set(whole.about["bases"]) == {"model", "tokenizer"}
    for name, weight in whole.run.weights().items():
        assert torch.equal(weight, cut.run.weights()[name]), name

    whole.ship(tmp_path / "out", {**whole.about, "command": "the command"})
    writer, codes = load_writer(tmp_path / "out")
    assert codes.fingerprint == material.codes.fingerprint
    asked = [Asked(content["fox"], "en", (0, -1))]
    assert writer.write(asked) == Writer(whole.run.model, whole.tokenizer).write(asked)


def test_the_night_finds_what_is_trained():
    def place(**sections):
        return place_of(Settings(**sections))

    assert place() == place(titles={"writer": "elsewhere"}) == SHIPPED
    assert str(place(titles={"writer": "elsewhere"}, dppmg={"writer": "gpt2"})) == "elsewhere"
    with pytest.raises(UsageError, match=r"titles\.writer names no folder"):
        place(dppmg={"writer": "gpt2"})
