"""What a method sees of a reference, place by place."""

import torch

from generation.personalization import places
from generation.personalization.places import PLACES, picture_places
from reward_model.encoders.model import load_backbone


def test_places_follow_the_picture_and_have_no_gradient():
    backbone = load_backbone()
    pixels = torch.ones(2, 3, 64, 64)
    pixels[1, :, :16, :16] = 0  # the upper left corner is black
    pixels.requires_grad_(True)
    seen = picture_places(backbone, pixels)
    assert (seen.shape, seen.dtype, seen.requires_grad) == ((2, PLACES, 1280), torch.float32, False)
    moved = (seen[0] - seen[1]).norm(dim=1)
    near, far = moved.reshape(4, 4)[:2, :2], moved.reshape(4, 4)[2:, 2:]
    assert near.mean() > 2 * far.mean()  # row by row, from the upper left
    torch.testing.assert_close(picture_places(backbone, pixels[1:]), seen[1:], atol=1e-4, rtol=1e-3)


def test_pictures_seen_lately_are_not_looked_at_again(monkeypatch):
    backbone, looked = load_backbone(), []

    def counted(backbone, pixels):
        looked.append(len(pixels))
        return picture_places(backbone, pixels)

    monkeypatch.setattr(places, "picture_places", counted)
    pixels = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    remembered = places.RememberedPlaces(size=2)
    first = remembered(backbone, pixels)
    torch.testing.assert_close(first, picture_places(backbone, pixels.float() / 255))
    assert torch.equal(remembered(backbone, pixels[[2, 1, 2]]), first[[2, 1, 2]])
    assert looked == [3]
    remembered(backbone, pixels[:1])
    assert looked == [3, 1]
