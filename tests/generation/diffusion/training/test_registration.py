import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from generation.diffusion.training.data import Bends, PairSampler, load_drawings
from generation.diffusion.training.registration import NODES, bend, register
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_encoders


def drawn(box, colour, *, hole=None):
    """A disc in a box on white, with a white hole; (64, 64, 3) uint8."""
    picture = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(picture).ellipse(box, fill=colour)
    if hole:
        ImageDraw.Draw(picture).ellipse(hole, fill="white")
    return np.asarray(picture)


def signed(pixels):
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_a_smaller_drawing_elsewhere_is_laid_on_its_reference_and_keeps_its_colour():
    reference = drawn((8, 12, 56, 60), "gold", hole=(24, 20, 36, 32))
    other = drawn((4, 4, 36, 40), "navy", hole=(14, 10, 23, 20))
    found = register(np.stack([reference, other]), np.array([0]), np.array([1]))
    assert found.places.shape == (1, NODES, NODES, 2)
    bent = bend(signed([other]), found.places)[0]
    inked, wanted = (picture.amin(0) < 0.8 for picture in (bent, signed([reference])[0]))
    before = signed([other])[0].amin(0) < 0.8
    overlap, at_first = (float((mask & wanted).sum() / (mask | wanted).sum()) for mask in (inked, before))
    assert at_first < 0.5
    assert overlap > 0.85
    assert bent[2][wanted & inked].mean() > bent[0][wanted & inked].mean() + 0.5  # blue, not gold


def test_a_drawing_on_itself_stays_and_fits_best():
    pictures = np.stack([drawn((8, 8, 50, 56), "gold", hole=(20, 20, 30, 30)), drawn((2, 20, 62, 40), "teal")])
    found = register(pictures, np.array([0, 0]), np.array([0, 1]))
    assert found.misfit[0] < 0.01 < found.misfit[1]
    assert (bend(signed(pictures[:1]), found.places[:1]) - signed(pictures[:1])).abs().mean() < 0.02


def test_an_empty_picture_is_no_error():
    pictures = np.stack([np.full((64, 64, 3), 255, np.uint8), drawn((8, 8, 50, 56), "gold")])
    found = register(pictures, np.array([0, 1]), np.array([1, 0]))
    assert torch.isfinite(found.places.float()).all()
    assert torch.isfinite(found.misfit).all()


@pytest.fixture(scope="module")
def drawings():
    return load_drawings(PicturePack.load().sample(24), load_encoders(), "train")


def test_bends_are_kept_and_trust_what_fits(drawings, tmp_path, monkeypatch):
    bends = Bends(drawings, tmp_path / "bends.safetensors")
    assert len(bends.trust) == len(bends.number)
    assert 0 < bends.trust.min() < 0.5 <= bends.trust.median() < bends.trust.max() <= 1

    monkeypatch.setattr("generation.diffusion.training.data.register", lambda *_: pytest.fail("it was kept"))
    again = Bends(drawings, tmp_path / "bends.safetensors")
    assert torch.equal(again.places, bends.places)

    fewer = load_drawings(PicturePack.load().sample(16), load_encoders(), "train")
    with pytest.raises(ValueError, match="belongs to other drawings: delete it"):
        Bends(fewer, tmp_path / "bends.safetensors")


def test_pairs_bring_the_bent_target_and_without_a_change_the_target_itself(drawings, tmp_path):
    plain = PairSampler(drawings, seed=4, jitter=False).draw(0, 32)
    assert torch.equal(plain.bent, plain.target)
    bends = Bends(drawings, tmp_path / "bends.safetensors")
    pairs = PairSampler(drawings, seed=4, jitter=False, bends=bends).draw(0, 32)
    assert torch.equal(pairs.target, plain.target)
    same = (pairs.reference == pairs.target).flatten(1).all(1)
    assert 0 < same.sum() < 32
    assert torch.equal(pairs.bent[same], pairs.target[same])
    assert (pairs.trust[same] == 1).all()

    def outline(pictures):
        return (pictures.amin(1) < 0.8).float()

    wanted = outline(pairs.reference[~same])
    nearer = [(outline(each[~same]) - wanted).abs().mean() for each in (pairs.bent, pairs.target)]
    assert nearer[0] < nearer[1]
