"""Grain is told from drawn lines."""

import math

import pytest
import torch

from generation.diffusion.training import losses
from generation.diffusion.training.data import planes_of
from generation.diffusion.training.losses import grain


def test_dots_in_a_flat_area_are_grain_and_drawn_lines_are_not(drawings, monkeypatch):
    drawn = planes_of(drawings.pixels[:12])
    assert (grain(drawn, drawn) == 0).all()
    dots = 0.1 * (torch.arange(64) % 2)
    flat = torch.zeros(1, 3, 64, 64)
    assert grain(flat + dots, flat)[0] == pytest.approx(0.1 * 2 / 3, rel=0.05)
    lines = flat.clone()
    lines[:, :, 20:22] = 1.0
    assert grain(lines, flat, lines)[0] == 0 < grain(lines, flat)[0]
    shaded = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    clouds = torch.sin(torch.arange(64) * 2 * math.pi / 16).expand(1, 3, 64, 64)
    assert grain(shaded, flat)[0] < 0.1 * grain(clouds, flat)[0]
    assert grain(clouds, flat, clouds)[0] == 0
    monkeypatch.setattr(losses, "GRAIN_SCALES", 1)
    assert grain(shaded, flat)[0] < 0.002
