"""Pairs of own pictures: two of one noise, learned with the ratio that made the better one."""

import numpy as np
import pytest
import torch

from conf.errors import UsageError
from generation.personalization.pigeon.training.reconstruct import RATIOS
from tests.support.models import tiny_generators


def test_a_pair_is_two_pictures_from_one_noise_and_its_row_has_the_ratio_that_made_the_chosen(public, make_book):
    model = public.fresh()
    book = make_book(model)
    pairs = book.draw(0, 4, seed=1)
    pixels = model.generator.decode(pairs.chosen), model.generator.decode(pairs.rejected)
    red, less = (each[:, 0].mean((1, 2)) - each[:, 1:].mean((1, 2, 3)) for each in pixels)
    assert (red > less - 1e-3).all()
    assert set(pairs.batch.masking.ratio.tolist()) <= {np.float32(ratio) for ratio in RATIOS}
    assert pairs.batch.masking.noise is None
    number, place, row = next(
        (number, *found.latents.float().eq(pairs.chosen[0]).flatten(2).all(2).nonzero()[0].tolist())
        for number, found in enumerate(book.found)
        if found.latents.float().eq(pairs.chosen[0]).flatten(2).all(2).any()
    )
    batch, rows = book.sampler.draw(number)
    assert RATIOS[place] == pytest.approx(float(pairs.batch.masking.ratio[0]))
    again = model.paint(
        book.painting.told(batch, RATIOS[place]), seeds=range(number * rows, (number + 1) * rows), steps=1,
        size=(tiny_generators.SIZE, tiny_generators.SIZE), guidance=1.5,
    )  # fmt: skip
    latents = model.generator.encode(torch.from_numpy(again).permute(0, 3, 1, 2).float() / 255)
    torch.testing.assert_close(latents[row], pairs.chosen[0], atol=0.02, rtol=0.02)


def test_pairs_are_kept_and_not_painted_again(public, make_book):
    model = public.fresh()
    first = make_book(model)
    with torch.no_grad():
        model.connector.tokens.weight.zero_()  # what would be painted now is another picture
    kept = make_book(model)
    for one, other in zip(first.found, kept.found, strict=True):
        assert torch.equal(one.latents, other.latents)
        assert torch.equal(one.worth, other.worth)
    assert torch.equal(first.draw(7, 2, seed=1).chosen, kept.draw(7, 2, seed=1).chosen)
    assert len(kept.draw(7, 1, seed=1).chosen) == 1


def test_pictures_of_equal_worth_are_no_pairs(public, make_book):
    with pytest.raises(UsageError, match="no two pictures of an item differ in worth"):
        make_book(public.fresh(), worth=lambda pixels, _batch: torch.zeros(len(pixels)))
