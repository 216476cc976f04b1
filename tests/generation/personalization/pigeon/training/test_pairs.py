"""Pairs of own pictures, and that the rows that learn are those that painted."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from generation.personalization.pigeon.personal import spoken_by
from generation.personalization.pigeon.training.painting import HistorySampler, PigeonPainting
from generation.personalization.pigeon.training.pairs import GRID, PairBook, rows_of
from generation.personalization.training.world import Audience, Items, Sampler
from tests.generation.personalization.pigeon.conftest import a_history


@pytest.fixture(scope="module")
def sampler():
    rng = np.random.default_rng(1)
    names = ("s1", "s2", "u1", "u2")
    unit = torch.nn.functional.normalize(torch.randn(2, 3, 128, generator=torch.Generator().manual_seed(1)), dim=2)
    items = Items(
        ids=("a", "b", "c"),
        titles=("one", "two", "three"),
        pixels=rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2),
        places=torch.randn(3, 16, 1280, generator=torch.Generator().manual_seed(2)).half(),
        embeddings=unit[0],
        text=torch.nn.functional.normalize(torch.ones(3, 384), dim=1),
        aligned=unit[1],
    )
    audience = Audience(
        segments=names[:2],
        users=names[2:],
        preference={name: rng.normal(size=160).astype(np.float32) for name in names},
    )
    histories = {name: a_history(place, clicks=8) for place, name in enumerate(names[:3])}
    return HistorySampler(Sampler(items, audience, rows=4, seed=1), histories)


@pytest.fixture(scope="module")
def painting(painter, moved):
    return PigeonPainting(moved, spoken_by(painter.conditioning), painter.unet, guidance=1.15, device="cpu")


def brightness(pixels, _batch):
    return pixels.mean((1, 2, 3))


@pytest.fixture(scope="module")
def book(painting, sampler):
    return PairBook(painting, sampler, brightness, 3, say=lambda _text: None, others=0)


def test_the_chosen_picture_is_the_better_one_and_its_row_has_the_ratios_that_made_it(book, painting):
    pairs = book.draw(0, 4, seed=1)
    light, dark = (painting.decode(each).mean((1, 2, 3)) for each in (pairs.chosen, pairs.rejected))
    assert (light >= dark).all()
    with torch.no_grad():
        x = painting.start(pairs.batch, pairs.noise).x
        again = painting.predict_clean(x, painting.schedule(1), 0, pairs.batch, painting.condition(pairs.batch))
    torch.testing.assert_close(again.float(), pairs.chosen, atol=0.03, rtol=0.05)
    assert set(pairs.batch.ratio.tolist()) <= {np.float32(ratio) for ratio, _ in GRID}


def test_pairs_with_small_margins_are_left_out_and_a_key_decides(book):
    margins = torch.stack([each.worth.amax(0) - each.worth.amin(0) for each in book.found])
    assert len(book.kept) == int((margins >= margins.median()).sum()) < margins.numel()
    first, again = book.draw(5, 2, seed=1), book.draw(5, 2, seed=1)
    assert torch.equal(first.chosen, again.chosen)
    assert len(first.batch) <= 2


def test_what_others_would_be_shown_is_judged_for_whom_the_row_is_and_learned_by_their_own_history(painting, sampler):
    seen = []

    def worth(pixels, batch):
        seen.append(batch.whom)
        return pixels.mean((1, 2, 3))

    book = PairBook(painting, sampler, worth, 2, say=lambda _text: None, others=2)
    own, _ = sampler.draw(0)
    assert seen[: len(GRID) + 2] == [own.whom] * (len(GRID) + 2)
    found = book.found[0]
    assert found.planes.shape[0] == len(GRID) + 2
    # the first of the others is the row before, told of with its own history and preference
    batch, noise = book.rows(0, np.zeros(4, int))
    told = replace(batch, history=batch.history.roll(1, 0), preference=batch.preference.roll(1, 0))
    with torch.no_grad():
        x = painting.start(told, noise).x
        again = painting.predict_clean(x, painting.schedule(1), 0, told, painting.condition(told)).float()
    torch.testing.assert_close(again.half(), found.planes[len(GRID)])
    pairs = book.draw(0, 4, seed=1)
    nothing = np.zeros(pairs.batch.history.shape[1:], np.float32)
    for row, name in enumerate(pairs.batch.whom):
        np.testing.assert_array_equal(pairs.batch.history[row], sampler.histories.get(name, nothing))
    assert set(pairs.batch.ratio.tolist()) <= {np.float32(ratio) for ratio, _ in GRID}
    masks_alone = PairBook(painting, sampler, worth, 2, say=lambda _text: None, others=0)
    assert book.apart() > masks_alone.apart()


def test_some_rows_of_a_batch(sampler):
    batch, _ = sampler.draw(0)
    some = rows_of(batch, torch.tensor([2, 0]))
    assert some.item_ids == [batch.item_ids[2], batch.item_ids[0]]
    assert torch.equal(some.history, batch.history[[2, 0]])
