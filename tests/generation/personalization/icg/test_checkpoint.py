"""The adapter that ships."""

import json
from pathlib import Path

import pytest

from conf.errors import UsageError
from generation.diffusion.painter import Painter
from generation.personalization.icg import checkpoint
from generation.personalization.icg.builtin import fresh
from generation.personalization.icg.checkpoint import LAYERS, begin_from, ship
from generation.personalization.low_rank import add_lora, lora_weights
from generation.personalization.methods import adapter_openers
from tests.support.models.paint_requests import asked


def test_the_shipped_adapter_is_whole_belongs_to_the_shipped_generator_and_paints(painter):
    own = Painter.load(adapters=adapter_openers({"icg": checkpoint.SHIPPED}))
    assert own.fingerprint == painter.fingerprint
    manifest = json.loads((checkpoint.SHIPPED / "manifest.json").read_text())
    assert {"command", "hardware", "date", "data", "weights", "validation"} <= set(manifest)
    assert (own.paint(**asked(), method="icg") != painter.paint(**asked())).any()


def test_training_goes_on_from_an_adapter_with_the_same_low_rank_layers(shipped):
    own = Painter.load()
    add_lora(own.unet, LAYERS["all"], 2)
    icg = fresh(own.conditioning, seed=5)
    began = begin_from(shipped[0], icg, own.unet, own.fingerprint)
    assert began == Painter.load(adapters=adapter_openers({"icg": shipped[0]})).fingerprint_of("icg")
    ship(icg, dict(lora_weights(own.unet)), shipped[0].parent / "again", own.fingerprint, {})
    for file in (checkpoint.LORA, Path("adapter") / "diffusion_pytorch_model.safetensors"):
        assert (shipped[0].parent / "again" / file).read_bytes() == (shipped[0] / file).read_bytes()
    with pytest.raises(UsageError, match="other low-rank weights"):
        begin_from(shipped[0], icg, Painter.load().unet, own.fingerprint)
    with pytest.raises(UsageError, match="was trained on generator"):
        begin_from(shipped[0], icg, own.unet, "another")
