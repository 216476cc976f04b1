import numpy as np
import pytest
import torch

from generation.diffusion.training.data import Drawings, PairSampler


@pytest.fixture
def drawings():
    """Six subjects by three families; a picture's pixels say which, and its style is its family's axis."""
    subject, family = (axis.ravel() for axis in np.meshgrid(np.arange(6), np.arange(3), indexing="ij"))
    pixels = np.zeros((18, 64, 64, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = (subject * 10)[:, None, None], (family * 10)[:, None, None]
    look = np.zeros((18, 160), np.float32)
    look[np.arange(18), 128 + family] = 1
    text = np.eye(6, 384, dtype=np.float32)
    return Drawings(pixels, subject, family, look, text, tuple("abcdef"), ("x", "y", "z"))


def colours(pictures: torch.Tensor) -> np.ndarray:
    return ((pictures[:, :, 10, 10] + 1) * 127.5 / 10).round().numpy().astype(int)


def test_a_pair_is_one_subject_and_the_preference_asks_for_the_targets_family(drawings):
    pairs = PairSampler(drawings, seed=0, drop=0.0).draw(0, 64)
    reference, target = colours(pairs.reference), colours(pairs.target)
    assert (reference[:, 0] == target[:, 0]).all()
    assert pairs.text.argmax(1).tolist() == target[:, 0].tolist()
    assert (target[:, 1] == pairs.family.numpy()).all()
    asked = pairs.preference[:, 128:131].argmax(1)
    assert (asked == pairs.family).float().mean() > 0.9  # a history of 48 clicks may be won by another family
    assert (reference[:, 1] != target[:, 1]).mean() > 0.75


def test_without_a_preference_the_reference_family_is_kept(drawings):
    pairs = PairSampler(drawings, seed=0, drop=1.0).draw(0, 16)
    assert not pairs.preference.any()
    assert (colours(pairs.reference) == colours(pairs.target)).all()


def test_a_step_depends_on_its_number_only(drawings):
    first, again = (PairSampler(drawings, seed=3).draw(5, 8) for _ in range(2))
    torch.testing.assert_close(first.reference, again.reference)
    torch.testing.assert_close(first.preference, again.preference)
    assert not torch.equal(first.preference, PairSampler(drawings, seed=3).draw(6, 8).preference)
