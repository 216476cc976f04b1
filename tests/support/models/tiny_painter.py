"""A painter of 16 x 16 pictures with the built-in UNet's own code, small enough for hundreds of steps."""

import torch
from torch import nn

from generation.alignment.draft import Rewarded
from generation.diffusion.process import Schedule, Start
from generation.diffusion.unet import build_unet, predict_clean, to_pixels, to_planes

SHAPE = (12, 8, 8)


class TinyPainter(nn.Module):
    """Batches are (reference pixels (B, 3, 16, 16) in [-1, 1], wish (B, 4))."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.unet = build_unet(channels=(16, 16, 16), width=16).eval()
        self.wish = nn.Linear(4, 16)
        self.evaluations = 0

    def schedule(self, steps):
        return Schedule.flow(steps)

    def start(self, batch, noise):
        anchor = to_planes(batch[0])
        return Start(x=anchor + 0.5 * noise, anchor=anchor, spread=0.5)

    def condition(self, batch):
        return self.wish(batch[1])

    def predict_clean(self, x, schedule, step, batch, condition):
        self.evaluations += 1
        sigma = torch.full((len(x),), schedule.sigmas[step])
        return predict_clean(self.unet, x, sigma, to_planes(batch[0]), condition[:, None], condition)

    def decode(self, x):
        return (to_pixels(x).clamp(-1, 1) + 1) / 2


def draw(rows=4, group=1, size=16):
    def drawn(key):
        rng = torch.Generator().manual_seed(key)
        reference = 0.5 * torch.randn(rows // group, 3, size, size, generator=rng).clamp(-1, 1)
        wish = torch.randn(rows // group, 4, generator=rng)
        return (reference.repeat_interleave(group, 0), wish.repeat_interleave(group, 0)), rows

    return drawn


def redness(pixels, _batch):
    """A reward that anybody can have without painting anything."""
    red = pixels[:, 0].mean((1, 2)) - pixels[:, 1:].mean((1, 2, 3))
    return Rewarded(total=red, parts={"red": red})
