import json
from pathlib import Path

import pytest

from conf.errors import UsageError
from generation.personalization.dppmg.titles.public.store import WEIGHTS
from generation.personalization.dppmg.titles.training.clicks import clicked_titles
from generation.personalization.dppmg.titles.training.grpo import GrpoSettings, Tuning
from generation.personalization.dppmg.titles.training.tune import (
    Prompts,
    TitleTuning,
    Tuned,
    TuningLook,
    tune,
    tune_titles,
)


@pytest.fixture(scope="module")
def real(material):
    return clicked_titles(material.events, material.tastes, material.codes, material.content, "train")[:4]


def options(work, **changes):
    settings = GrpoSettings(tuning_steps=2, prompts=2, samples=3)
    return TitleTuning(date="2026-11-29", start=Path("s"), work=work, every=1, tuning=settings, **changes)


def test_prompts_are_of_languages_that_the_item_has(content):
    prompts = Prompts([content["fox"]], ["en:0", "de:none", "ja:1"])
    assert [(group, asked.language, asked.codes) for _, group, asked in prompts.pairs] == [
        ("en:0", "en", (0, -1)),
        ("de:none", "de", (-1, -1)),
    ]
    assert prompts.draw(3, 5, 0) == prompts.draw(3, 5, 0)


def test_a_writer_over_a_public_model_is_not_tuned(tmp_path):
    (tmp_path / WEIGHTS).write_bytes(b"")
    with pytest.raises(UsageError, match="only the built-in writer is tuned by reward"):
        tune_titles(None, TitleTuning(date="2026-11-29", start=tmp_path, work=tmp_path / "work"))


def test_the_guard_looks_at_bits_and_checks():
    first = TuningLook(0, 0.1, 0.95, 0.2)
    assert TuningLook(1, 0.5, 0.94, 0.25).may_stay(first)
    assert not TuningLook(1, 0.5, 0.92, 0.25).may_stay(first)
    assert not TuningLook(1, 0.5, 0.95, 0.27).may_stay(first)


def test_the_best_allowed_look_is_kept(writer, tmp_path):
    tuned = Tuned(Tuning(writer, GrpoSettings(), 0), tmp_path)
    said = [
        tuned.seen(TuningLook(n, reward, 1.0, bits))
        for n, (reward, bits) in enumerate([(0.1, 1), (0.3, 1.2), (0.5, 9), (0.2, 1)])
    ]
    assert said == [True, True, False, False]


def test_a_killed_tuning_goes_on_as_if_it_had_not_been(writer, material, real, tmp_path):
    def run(work, **changes):
        (tmp_path / work).mkdir(exist_ok=True)
        tuned = Tuned(Tuning(writer, options(tmp_path / work).tuning, 0), tmp_path / work)
        clock = iter(range(0, 9999, 40)).__next__
        outcome = tune(
            tuned, material, options(tmp_path / work, **changes), writer=writer, real=real, say=print, clock=clock
        )
        return tuned, outcome

    whole, outcome = run("whole")
    assert outcome == "done"
    assert run("cut", minutes=1)[1] == "time is up"
    cut, outcome = run("cut")
    assert outcome == "done"
    assert [look.step for look in cut.looks] == [0, 1, 2]
    assert cut.looks == whole.looks
    lines = [json.loads(line) for line in (tmp_path / "cut" / "progress.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
