"""Parts left out: what is left is what it says."""

import pytest
import torch

from generation.diffusion.adapter import ConditionBatch, GeneratorAdapter
from generation.personalization.methods import METHODS, opener_named

CODES = torch.tensor([[1, 2, 3, -1, -1, -1], [1, 15, -1, -1, -1, -1], [9, -1, -1, -1, -1, -1]])


@pytest.fixture(scope="module")
def opened(painter, decoding):
    def named(part):
        place = METHODS["dppmg"].adapter if part is None else METHODS["dppmg"].ablations[part]
        return opener_named(place)(decoding, painter.unet, painter.conditioning, painter.fingerprint)

    return named


def said(adapter, codes=CODES):
    drawn = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (3, 3, 64, 64), generator=drawn, dtype=torch.uint8)
    batch = ConditionBatch(
        text=torch.randn(3, 384, generator=drawn), preference=torch.zeros(3, 160), pixels=pixels, tokens=codes
    )
    with torch.no_grad():
        return torch.cat([each.flatten(1) for each in adapter.condition(batch)], dim=1)


def test_the_first_code_alone_is_all_that_is_said(opened):
    first = CODES.clone()
    first[:, 1:] = -1
    whole = opened(None)
    assert torch.equal(said(opened("first-code-alone")), said(whole, first))
    assert not torch.allclose(said(whole), said(whole, first), atol=1e-3)


def test_shuffled_codes_stand_for_each_others_preferences(opened):
    before = torch.where(CODES >= 0, (CODES - 1) % 16, -1)
    assert torch.equal(said(opened("shuffled-codes")), said(opened(None), before))


def test_without_icg_the_generator_is_told_what_they_stand_for(opened, painter, meanings):
    without = opened("no-icg")
    assert without.unet is painter.unet
    assert isinstance(without, GeneratorAdapter)
    drawn = torch.Generator().manual_seed(1)
    torch.randint(0, 256, (3, 3, 64, 64), generator=drawn, dtype=torch.uint8)
    text = torch.randn(3, 384, generator=drawn)
    with torch.no_grad():
        wanted = painter.conditioning(text, meanings(CODES).half().float())
    torch.testing.assert_close(said(without), torch.cat([each.flatten(1) for each in wanted], 1), atol=0.02, rtol=0.02)
