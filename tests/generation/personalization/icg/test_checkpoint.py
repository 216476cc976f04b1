"""The adapter that ships."""

import json

import pytest
import torch

from generation.diffusion.painter import Painter
from generation.personalization.icg import checkpoint
from generation.personalization.methods import adapter_openers
from tests.support.paint_requests import asked


@pytest.fixture(scope="module")
def painter():
    torch.set_num_threads(1)
    return Painter.load()


def test_the_shipped_adapter_is_whole_belongs_to_the_shipped_generator_and_paints(painter):
    own = Painter.load(adapters=adapter_openers({"icg": checkpoint.SHIPPED}))
    assert own.fingerprint == painter.fingerprint
    manifest = json.loads((checkpoint.SHIPPED / "manifest.json").read_text())
    assert {"command", "hardware", "date", "data", "weights", "validation"} <= set(manifest)
    assert (own.paint(**asked(), method="icg") != painter.paint(**asked())).any()
