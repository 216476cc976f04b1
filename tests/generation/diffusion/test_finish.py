import numpy as np
import pytest
import torch

from generation.diffusion.finish import FLATNESS, RADIUS, THRESHOLD, background, finish, finished, guided_filter
from generation.diffusion.training.data import planes_of
from generation.diffusion.training.losses import grain
from generation.diffusion.unet import to_planes
from jobs.stickers.pack import PicturePack
from reward_model.precision import autocast


@pytest.fixture(scope="module")
def drawings():
    pack = PicturePack.load().sample(24)
    return planes_of(np.stack([pack.pixels(code, pack.families_of(code)[0]) for code in pack.codes("train")]))


def by_least_squares(picture, guide):
    """From the definition: a ridge regression in every window, averaged over the windows of a pixel."""
    height, width = guide.shape[1:]
    total, count = torch.zeros_like(picture), torch.zeros(height, width)
    for row in range(height):
        for column in range(width):
            window = (
                slice(None),
                slice(max(0, row - RADIUS), row + RADIUS + 1),
                slice(max(0, column - RADIUS), column + RADIUS + 1),
            )
            seen, wanted = guide[window].flatten(1), picture[window].flatten(1)
            middle, mean = seen.mean(1, keepdim=True), wanted.mean(1, keepdim=True)
            spread = (seen - middle) @ (seen - middle).T / seen.shape[1] + FLATNESS * torch.eye(3)
            slope = (wanted - mean) @ (seen - middle).T / seen.shape[1] @ torch.linalg.inv(spread)
            total[window] += (slope @ (seen - middle) + mean).view(total[window].shape)
            count[window[1:]] += 1
    return total / count


def test_it_is_the_guided_filter_of_the_paper():
    rng = torch.Generator().manual_seed(0)
    picture, guide = (2 * torch.rand(3, 24, 28, generator=rng) - 1 for _ in range(2))
    inside = (
        slice(None),
        slice(2 * RADIUS, -2 * RADIUS),
        slice(2 * RADIUS, -2 * RADIUS),
    )  # at the edges windows are cut, and counted by their centres
    found, wanted = guided_filter(picture[None], guide[None])[0], by_least_squares(picture, guide)
    torch.testing.assert_close(found[inside], wanted[inside], atol=2e-4, rtol=0)


def test_a_picture_in_other_colours_keeps_its_edges(drawings):
    recoloured = 1 + 0.8 * (drawings[:, [2, 0, 1]] - 1)  # white stays white
    assert (finish(recoloured, drawings) - recoloured).abs().mean() < 0.02
    smudged = recoloured + 0.1 * torch.randn(recoloured.shape, generator=torch.Generator().manual_seed(0))
    near, far = ((each - recoloured).abs().mean() for each in (finish(smudged, drawings), smudged))
    assert near < 0.5 * far


def test_smudges_go_and_outlines_stay():
    flat = torch.full((1, 3, 64, 64), 0.9)  # nearly white, so that it is not taken for the background
    rng = torch.Generator().manual_seed(0)
    smudges = 0.1 * torch.randn(flat.shape, generator=rng)
    assert (finish(flat + smudges, flat) - flat).abs().mean() < 0.25 * smudges.abs().mean()
    assert grain(finish(flat + smudges, flat), flat).mean() < 0.25 * grain(flat + smudges, flat).mean()
    lines = flat.clone()
    lines[:, :, 20:22] = -1.0
    kept = finish(lines, flat)
    assert kept[0, 0, 20:22].mean() < -0.9 + THRESHOLD**2
    assert kept[0, 0, 22 + 2 * RADIUS :].min() == pytest.approx(0.9, abs=1e-4)


def test_nothing_is_painted_away_from_the_drawing():
    original = torch.ones(1, 3, 64, 64)
    original[:, :, 20:40, 20:40] = -0.5
    original[:, :, 28:32, 28:32] = 1.0  # white inside a drawing is not background
    outside = background(original)
    assert (outside[:, :, :17] == 1).all()
    assert (outside[:, :, 19:41, 19:41] == 0).all()
    black = finish(-torch.ones_like(original), original)
    assert (black[:, :, :17] == 1).all()
    assert (black[:, :, 20:40, 20:40] < -0.9).all()
    assert not background(-torch.ones(1, 3, 64, 64)).any()  # a drawing without a background


def test_it_has_a_gradient_and_needs_no_autocast(drawings):
    original = drawings[:1, :, 20:32, 20:32]
    # float32 inside: so coarse steps, where nothing is near the threshold
    picture = drawings[1:2, :, 20:32, 20:32].clone().requires_grad_(True)
    with autocast("cpu", torch.bfloat16):
        painted = finish(picture, original)
    assert painted.dtype == torch.float32
    painted.square().sum().backward()
    step = 1e-3 * picture.grad / picture.grad.norm()
    risen = finish((picture + step).detach(), original).double().square().sum() - painted.double().square().sum()
    assert risen.item() == pytest.approx(1e-3 * picture.grad.norm().item(), rel=0.1)


def test_windows_that_were_made_for_painting_serve_in_training(drawings):
    from generation.diffusion.finish import _averaging

    _averaging.cache_clear()
    with torch.inference_mode():
        finish(drawings[:1], drawings[:1])
    picture = drawings[:1].clone().requires_grad_(True)
    finish(picture, drawings[:1]).sum().backward()
    assert picture.grad.abs().sum() > 0


def test_planes_are_the_same_picture(drawings):
    painted = drawings.roll(1, 0)
    planes = finished(to_planes(painted), to_planes(drawings))
    torch.testing.assert_close(planes, to_planes(finish(painted, drawings)))
