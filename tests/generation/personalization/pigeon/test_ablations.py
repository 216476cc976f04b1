"""Parts left out: what is left is what it says."""

import numpy as np
import pytest
import torch

from generation.diffusion.adapter import ConditionBatch
from generation.diffusion.painter import SHIPPED as GENERATOR
from generation.diffusion.painter import load_networks
from generation.personalization.icg.checkpoint import ship
from generation.personalization.methods import METHODS, opener_named
from generation.personalization.pigeon.history import Events
from generation.personalization.pigeon.rocchio import change
from tests.generation.personalization.pigeon.conftest import a_history


@pytest.fixture(scope="module")
def open_without(painter, moved, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pigeon")
    with torch.no_grad():
        moved.believed.fill_(1.0)
    moved.register_to_config(mask_ratio=0.5)
    ship(moved, {}, folder, painter.fingerprint, {})
    with torch.no_grad():
        moved.believed.zero_()
    moved.register_to_config(mask_ratio=0.0)
    unet, conditioning = load_networks(GENERATOR)
    spec = METHODS["pigeon"]
    return lambda part: opener_named(spec.adapter if part is None else spec.ablations[part])(
        folder, unet, conditioning, painter.fingerprint
    )


HISTORY = torch.from_numpy(np.stack([a_history(1, clicks=8)]))
PREFERENCE = torch.ones(1, 160)


def reading(adapter):
    return adapter.pigeon.read(PREFERENCE, HISTORY)


def test_each_part_is_left_out_and_the_rest_stays(open_without):
    whole = reading(open_without(None))
    assert whole.kept[0, :8].sum() == 4
    assert reading(open_without("no-mask")).kept[0, :8].sum() == 8
    other = reading(open_without("random-mask"))
    assert other.kept[0, :8].sum() == 4
    assert not torch.equal(other.kept, whole.kept)
    assert torch.equal(other.kept, reading(open_without("random-mask")).kept)
    for part in ("no-evidence", "no-reader"):
        assert not torch.allclose(reading(open_without(part)).taste, whole.taste)
    alone = reading(open_without("masked-profile"))
    assert not alone.taste.any()
    torch.testing.assert_close(alone.preference, PREFERENCE + change(Events.of(HISTORY), alone.kept))


def test_without_skips_a_history_is_its_clicks(open_without):
    batch = ConditionBatch(
        text=torch.zeros(1, 384), preference=PREFERENCE, pixels=torch.zeros(1, 3, 64, 64, dtype=torch.uint8),
        history=HISTORY,
    )  # fmt: skip
    clicks = HISTORY.clone()
    clicks[:, 8:] = 0
    told = ConditionBatch(text=batch.text, preference=PREFERENCE, pixels=batch.pixels, history=clicks)
    for part, own in zip(open_without("clicks-only").condition(batch), open_without(None).condition(told), strict=True):
        torch.testing.assert_close(part, own)


def test_the_mask_says_how_far_it_believes_each_event(open_without):
    adapter = open_without(None)
    assert torch.equal(adapter.event_scores(PREFERENCE, HISTORY), reading(adapter).scores)
