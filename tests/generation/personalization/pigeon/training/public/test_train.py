"""The command over public checkpoints: what is refused, what goes on from what, and a whole first part."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from conf.errors import UsageError
from conf.settings import Settings
from generation.alignment.run import RunSettings
from generation.alignment.tuner import TuneSettings
from generation.personalization.pigeon.public.store import load_config, load_pigeon, save_pigeon
from generation.personalization.pigeon.training.options import PigeonTraining
from generation.personalization.pigeon.training.public.train import (
    check_options,
    model_of,
    of_whom_clicks_are_known,
    place_of,
)
from generation.personalization.pigeon.training.train import train_pigeon
from generation.personalization.training.world import Audience
from tests.support.models import tiny_generators
from tests.support.models.tiny_pigeons import SIZES


@pytest.fixture
def settings(public):
    bases = {"mllm": public.checkpoint("idefics3"), "generator": public.checkpoint("stable-diffusion")}
    return Settings(pigeon={**SIZES, **bases}, generation={"canvas": tiny_generators.SIZE, "steps": 1})


def asked(stage="reconstruct", **more):
    return PigeonTraining(stage=stage, date="2026-11-30", **more)


def test_parts_and_options_of_the_built_in_network_are_refused():
    check_options(asked())
    check_options(asked("align", pairs="history", draws=3))
    with pytest.raises(UsageError, match="begin with --stage reconstruct"):
        check_options(asked("taste"))
    with pytest.raises(UsageError, match="--bends is of the training over the built-in generator"):
        check_options(asked(bends=Path("bends")))
    with pytest.raises(UsageError, match="--simulated is of"):
        check_options(asked(simulated=0.0))


def test_it_is_never_written_over_the_built_in_network():
    assert place_of(Settings(generation={"adapters": {"pigeon": "elsewhere"}})) == Path("elsewhere")
    with pytest.raises(UsageError, match="set it, or give --out"):
        place_of(Settings())


def test_the_second_part_goes_on_from_the_first_over_the_same_bases(settings, public, tmp_path):
    with pytest.raises(UsageError, match=r"--stage align goes on from an earlier part: name its folder with --start"):
        model_of(settings, asked("align"))
    fresh, began = model_of(settings, asked(mask_ratio=0.6))
    assert began == {}
    assert fresh.config.mask_ratio == 0.6
    save_pigeon(fresh, tmp_path, {"stage": "reconstruct", "command": "the command"})
    again, began = model_of(settings, asked("align", start=tmp_path))
    assert again.config.mask_ratio == SIZES["mask_ratio"]
    assert (began["stage"], began["command"], len(began["fingerprint"])) == ("reconstruct", "the command", 16)
    for name, weight in fresh.trainable().items():
        assert torch.equal(again.trainable()[name], weight)
    wider = settings.model_copy(update={"pigeon": settings.pigeon.model_copy(update={"width": 32})})
    with pytest.raises(UsageError, match="another configuration than the section pigeon"):
        model_of(wider, asked("align", start=tmp_path))
    (tmp_path / "pigeon.safetensors").write_bytes(b"half")
    with pytest.raises(UsageError, match="SHA-256"):
        model_of(settings, asked("align", start=tmp_path))
    nowhere = settings.model_copy(update={"pigeon": settings.pigeon.model_copy(update={"mllm": "nobody/nothing"})})
    with pytest.raises(UsageError, match="No checkpoint 'nobody/nothing'"):
        model_of(nowhere, asked())


def test_a_whole_first_part_is_trained_resumed_and_saved(settings, clicked_night, tmp_path, capsys):
    ctx = replace(clicked_night, settings=settings)
    options = asked(
        out=tmp_path / "out",
        work=tmp_path / "work",
        rows=2,
        run=RunSettings(steps=2, every=1, minutes=0.0),
        tune=TuneSettings(learning_rate=1e-3, warmup=1),
    )
    train_pigeon(ctx, options)
    assert "time is up" in capsys.readouterr().out
    train_pigeon(ctx, options)
    assert "goes on after step 1" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["stage"] == "reconstruct"
    assert manifest["command"].startswith("coverlift train pigeon --stage reconstruct")
    assert manifest["validation"][0]["step"] == 0
    assert load_config(tmp_path / "out").mask_ratio == SIZES["mask_ratio"]
    assert load_pigeon(tmp_path / "out").config.generator == settings.pigeon.generator
    with pytest.raises(UsageError, match="belongs to another run"):
        train_pigeon(ctx, replace(options, rows=3))


def test_only_those_whose_clicks_are_known_are_painted_for():
    audience = Audience(segments=("s", "t"), users=("u", "v"), preference={})
    known = of_whom_clicks_are_known(audience, {"t": ("c",), "v": ("d",)})
    assert (known.segments, known.users) == (("t",), ("v",))
    with pytest.raises(UsageError, match="there are no pairs to paint for"):
        of_whom_clicks_are_known(audience, {"t": ("c",)})
