"""The panel's plain network: which style a picture is drawn in and which subject it shows, from raw pixels.

Four blocks of convolution, convolution, pooling (Simonyan and Zisserman, *Very deep convolutional networks*, ICLR
2015) with batch norm: unlike the judge it has no shortcuts, no deviations of feature maps, no palette and no coarse
chroma. The style head reads the mean of the last map and the subject head the whole of it. Several are trained with
different seeds, and all computes in float32. It exists for evaluation only: nothing is trained or chosen by it.

Weights are stored as int8 with one scale an output channel (symmetric, Jacob et al., CVPR 2018), so that several
seeds stay small.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from jobs.lake.arrays import Floats32, Pixels
from jobs.stickers.pack import FAMILIES
from recsys_eval.judge.model import as_batch
from reward_model.encoders.assets import sha256

WEIGHTS_DIR = Path(__file__).parent / "weights"
"""The committed weights: ``plain_cnn_SEED.safetensors`` and ``manifest.json``."""
WIDTHS = (8, 16, 32, 64)
"""Channels of the four blocks."""
EMBEDDING_DIM = 64
"""Length of a subject embedding."""
BATCH = 128
"""Pictures a forward pass."""


class PlainNetwork(nn.Module):
    """The network; see the module."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in WIDTHS:
            for channels in (before, width):
                layers += [nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)]
            layers.append(nn.MaxPool2d(2))
            before = width
        self.blocks = nn.Sequential(*layers)
        self.style = nn.Linear(before, len(FAMILIES))
        self.subject = nn.Sequential(nn.Dropout(dropout), nn.Linear(before * 16, EMBEDDING_DIM))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, 64, 64) in [0, 1] -> style logits (N, 6) and L2-normalised subject embedding (N, 64)."""
        last = self.blocks((2 * x - 1).contiguous(memory_format=torch.channels_last))
        return self.style(last.mean((2, 3))), F.normalize(self.subject(last.flatten(1)), dim=1)


class PlainCnn:
    """A trained network.

    Parameters
    ----------
    network
        With weights; it is put into evaluation mode.
    """

    def __init__(self, network: PlainNetwork) -> None:
        self._network = network.eval().requires_grad_(False)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def load(cls, path: Path) -> "PlainCnn":
        """Read weights that :func:`packed` made."""
        network = PlainNetwork()
        network.load_state_dict(unpacked(load_file(path)), strict=True)
        return cls(network)

    def __call__(self, pixels: Pixels) -> tuple[Floats32, Floats32]:
        """Style probabilities (N, 6) and subject embeddings (N, 64) of (N, 64, 64, 3) uint8 RGB on white.

        Raises
        ------
        ValueError
            The array is not a batch of 64 x 64 RGB pictures of type uint8.
        """
        styles, subjects = [np.empty((0, len(FAMILIES)), np.float32)], [np.empty((0, EMBEDDING_DIM), np.float32)]
        with torch.inference_mode():
            for part in torch.split(as_batch(pixels), BATCH):
                style, subject = self._network(part)
                styles.append(style.softmax(1).numpy())
                subjects.append(subject.numpy())
        return np.concatenate(styles), np.concatenate(subjects)


def load_seeds(folder: Path = WEIGHTS_DIR) -> dict[int, PlainCnn]:
    """The networks of the panel by their seed, each checked against the manifest.

    Raises
    ------
    FileNotFoundError
        The manifest or a file is missing.
    ValueError
        A file's SHA-256 is not the manifest's.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise FileNotFoundError(
            f"{manifest} is missing: restore it from git, or train with `python -m recsys_eval.panel.plain_cnn_train`"
        )
    found = {}
    for seed, facts in json.loads(manifest.read_text(encoding="utf-8"))["seeds"].items():
        path = folder / f"plain_cnn_{seed}.safetensors"
        digest = sha256(path)
        if digest != facts["sha256"]:
            raise ValueError(f"{path} has SHA-256 {digest}, its manifest says {facts['sha256']}: restore it from git")
        found[int(seed)] = PlainCnn.load(path)
    return found


def packed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices and kernels as int8 with a float32 scale an output channel, the rest as it is."""
    found = {}
    for name, tensor in state.items():
        if tensor.ndim < 2:
            found[name] = tensor.contiguous()
            continue
        scale = tensor.flatten(1).abs().amax(1).clamp_min(1e-12) / 127
        found[name] = (tensor / scale.view(-1, *[1] * (tensor.ndim - 1))).round().to(torch.int8).contiguous()
        found[f"{name}.scale"] = scale
    return found


def unpacked(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of :func:`packed`, up to half a step of the scale."""
    found = {}
    for name, tensor in stored.items():
        if name.endswith(".scale"):
            continue
        if tensor.dtype == torch.int8:
            scale = stored[f"{name}.scale"].view(-1, *[1] * (tensor.ndim - 1))
            found[name] = tensor.float() * scale
        else:
            found[name] = tensor
    return found
