import pytest
import torch

from generation.alignment.monitor import C1, drawings_of, nearest_drawing, pixel_diversity, structural_similarity
from jobs.stickers.pack import PicturePack


def test_ssim_of_two_flat_pictures_by_hand():
    a, b = (torch.full((1, 3, 16, 16), value, dtype=torch.float64) for value in (0.25, 0.75))
    # No variance: only the luminance term of Wang et al. is left.
    expected = (2 * 0.25 * 0.75 + C1) / (0.25**2 + 0.75**2 + C1)
    assert float(structural_similarity(a, b)) == pytest.approx(expected, abs=1e-9)
    assert float(structural_similarity(a, a)) == pytest.approx(1.0)


def test_a_real_drawing_is_nearest_to_itself():
    pack = PicturePack.load()
    codes = pack.codes("train")[:3]
    drawings, present = drawings_of(pack, codes)
    assert present.sum(1).tolist() == [len(pack.families_of(code)) for code in codes]
    assert nearest_drawing(drawings[:, 0], drawings, present).min() > 0.999
    turned = drawings.roll(1, 0)
    assert nearest_drawing(drawings[:, 0], turned, present.roll(1, 0)).max() < 0.95


def test_diversity_counts_pairs_of_one_item():
    painted = torch.zeros(3, 3, 2, 2)
    painted[1] = 0.5
    painted[2] = 1.0
    assert pixel_diversity(painted, torch.tensor([0, 0, 1])) == pytest.approx(0.5)
    assert pixel_diversity(painted, torch.tensor([0, 1, 2])) == 0.0
