"""The clicked drawing beside another of its subject."""

import torch

from generation.diffusion.unet import to_pixels
from generation.personalization.icg.painting import SHAPE
from generation.personalization.pigeon.training.clicked_pairs import ClickedPairs


def test_the_chosen_is_what_was_clicked_and_the_rejected_another_of_its_subject(sampler, drawings):
    pairs = ClickedPairs(sampler, SHAPE).draw(3, 3, seed=1)
    task = sampler.draw(3)
    assert len(pairs.batch) == 3
    torch.testing.assert_close(to_pixels(pairs.chosen), task.target[:3])
    for row, item in enumerate(pairs.batch.item_ids):
        known = sampler.rows_of[drawings.codes.index(item)]
        others = [drawings.pixels[each] for each in known if each >= 0]
        rejected = to_pixels(pairs.rejected)[row].permute(1, 2, 0)
        gaps = [float((rejected - torch.from_numpy(each) / 127.5 + 1).abs().max()) for each in others]
        assert min(gaps) < 1e-4
        assert not torch.allclose(pairs.chosen[row], pairs.rejected[row])


def test_a_key_decides(sampler):
    book = ClickedPairs(sampler, SHAPE)
    one, again, other = (book.draw(key, 4, seed=1) for key in (5, 5, 6))
    assert torch.equal(one.rejected, again.rejected)
    assert torch.equal(one.noise, again.noise)
    assert not torch.equal(one.noise, other.noise)
