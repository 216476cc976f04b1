"""The judge: which style a picture is drawn in and which subject it shows, from raw pixels.

It exists for evaluation only. It is a small convolutional network trained from scratch on the
training subjects of the picture pack, so it shares neither weights nor features with the
generators, the encoders or the rewards.

Chroma is averaged over 2 x 2 pixels before the first layer, so that a picture saved with
subsampled chroma, as lossy formats do, is judged like the same picture saved losslessly.

References
----------
- Residual blocks: He et al., *Deep residual learning for image recognition*, CVPR 2016.
- Mean and deviation of feature maps as a description of style: Huang and Belongie, *Arbitrary
  style transfer in real-time with adaptive instance normalization*, ICCV 2017.
- Distance in unit-normalised feature maps: Zhang et al., *The unreasonable effectiveness of deep
  features as a perceptual metric* (LPIPS), CVPR 2018.
- Temperature scaling: Guo et al., *On calibration of modern neural networks*, ICML 2017.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from jobs.lake.arrays import Floats32, Pixels
from jobs.stickers.pack import FAMILIES as PACK_FAMILIES
from jobs.stickers.pack import SIZE
from reward_model.precision import autocast, compute_dtype

FAMILIES: tuple[str, ...] = PACK_FAMILIES
"""Columns of the style probabilities, in the order of the picture pack."""

WEIGHTS_DIR = Path(__file__).parent / "weights"
"""The committed weights: ``judge.safetensors`` and ``manifest.json``."""

EMBEDDING_DIM = 128
"""Length of a subject embedding."""

BATCH = 128
"""Pictures per forward pass."""


Result = TypeVar("Result")


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norm around a shortcut; ``stride`` 2 halves the map."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride), nn.Conv2d(channels_in, channels_out, 1, bias=False), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H / stride, W / stride)."""
        inner = F.relu(self.norm1(self.conv1(x_NCHW)))
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(x_NCHW))


@dataclass(frozen=True)
class JudgeOutput:
    """What one forward pass gives for N pictures.

    ``style_logits`` (N, 6), before the temperature; ``embedding`` (N, 128), L2-normalised;
    ``maps``: feature maps of three stages, (N, 64, 32, 32), (N, 128, 16, 16), (N, 160, 8, 8).
    """

    style_logits: Tensor
    embedding: Tensor
    maps: tuple[Tensor, Tensor, Tensor]


class JudgeNetwork(nn.Module):
    """The network: one trunk, a style head on statistics of its maps, a subject head on its end.

    The style head reads the mean and the standard deviation of every channel of three stages,
    and a learned palette: pixels through a two-layer perceptron, averaged over the picture.
    Nothing in it can see where something lies, so it cannot learn subjects by their layout.
    """

    temperature: Tensor

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 6, 2, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(64)
        self.stage1 = nn.Sequential(ResidualBlock(64, 64), ResidualBlock(64, 64))
        self.stage2 = nn.Sequential(ResidualBlock(64, 128, 2), ResidualBlock(128, 128))
        self.stage3 = ResidualBlock(128, 160, 2)
        self.stage4 = ResidualBlock(160, 192, 2)
        self.palette = nn.Sequential(nn.Conv2d(3, 64, 1), nn.ReLU(), nn.Conv2d(64, 64, 1), nn.ReLU())
        pooled = 2 * (64 + 128 + 160) + 64
        self.style = nn.Sequential(
            nn.BatchNorm1d(pooled), nn.Dropout(dropout), nn.Linear(pooled, 96), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(96, len(FAMILIES)),
        )  # fmt: skip
        self.reduce = nn.Conv2d(192, 32, 1)
        self.subject = nn.Sequential(nn.Dropout(dropout), nn.Linear(32 * 16 + 192, EMBEDDING_DIM))
        self.register_buffer("temperature", torch.ones(()))

    def maps(self, x_NCHW: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """The input in luma and chroma, and the maps of three stages; as in :class:`JudgeOutput`."""
        x = to_luma_and_coarse_chroma(x_NCHW).contiguous(memory_format=torch.channels_last)
        map1 = self.stage1(F.relu(self.stem_norm(self.stem(x))))
        map2 = self.stage2(map1)
        return x, (map1, map2, self.stage3(map2))

    def forward(self, x_NCHW: Tensor) -> JudgeOutput:
        """Judge pictures (N, 3, 64, 64) float32 RGB in [0, 1]."""
        x, (map1, map2, map3) = self.maps(x_NCHW)
        map4 = self.stage4(map3)
        palette = self.palette(x[:, :, ::2, ::2]).float().mean((2, 3))
        style = self.style(torch.cat([*(_mean_and_deviation(m) for m in (map1, map2, map3)), palette], dim=1))
        flat = torch.cat([self.reduce(map4).flatten(1), map4.mean((2, 3))], dim=1)
        embedding = F.normalize(self.subject(flat).float(), dim=1)
        return JudgeOutput(style.float(), embedding, (map1, map2, map3))


def _mean_and_deviation(map_NCHW: Tensor) -> Tensor:
    """Mean and standard deviation over the picture, (N, 2 C) float32."""
    flat = map_NCHW.float().flatten(2)
    return torch.cat([flat.mean(2), (flat.var(2, correction=0) + 1e-4).sqrt()], dim=1)


def to_luma_and_coarse_chroma(x_NCHW: Tensor) -> Tensor:
    """RGB in [0, 1] -> Y', Cb, Cr (BT.601), chroma averaged over 2 x 2 pixels, about [-1, 1].

    Parameters
    ----------
    x_NCHW
        (N, 3, H, W) float32, H and W even.

    Returns
    -------
    Tensor
        (N, 3, H, W) float32: ``2 Y' - 1, 2 Cb, 2 Cr``.
    """
    red, green, blue = x_NCHW.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chroma = torch.stack([0.564 * (blue - luma), 0.713 * (red - luma)], dim=1)
    coarse = F.interpolate(F.avg_pool2d(chroma, 2), scale_factor=2.0, mode="nearest")
    return torch.cat([2 * luma[:, None] - 1, 2 * coarse], dim=1)


def as_batch(pixels: Pixels) -> Tensor:
    """Pictures (N, 64, 64, 3) uint8 -> (N, 3, 64, 64) float32 in [0, 1].

    Raises
    ------
    ValueError
        The array is not a batch of 64 x 64 RGB pictures of type uint8.
    """
    if pixels.ndim != 4 or pixels.shape[1:] != (SIZE, SIZE, 3) or pixels.dtype != np.uint8:
        raise ValueError(
            f"the judge wants pictures of shape (N, {SIZE}, {SIZE}, 3) and type uint8, got {pixels.shape} "
            f"{pixels.dtype}: resize with Pillow, convert to RGB on white and stack"
        )
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255


class Judge:
    """The trained judge.

    Parameters
    ----------
    network
        With weights and temperature; it is put into evaluation mode.
    fingerprint
        SHA-256 of its weights; empty for a network that was not loaded from a folder.

    Examples
    --------
    >>> judge = Judge.load()
    >>> white = np.full((2, 64, 64, 3), 255, dtype=np.uint8)
    >>> judge.style_probabilities(white).shape, judge.subject_embedding(white).shape
    ((2, 6), (2, 128))
    """

    families: tuple[str, ...] = FAMILIES

    def __init__(self, network: JudgeNetwork, fingerprint: str = "") -> None:
        self.network, self.fingerprint = network.eval(), fingerprint
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def load(cls, weights_dir: Path = WEIGHTS_DIR) -> Self:
        """Read the weights of a folder and check them against its manifest.

        Raises
        ------
        FileNotFoundError
            The weights or the manifest are missing.
        ValueError
            The weights' SHA-256 or the order of the families is not what the manifest says.
        """
        weights, manifest_path = weights_dir / "judge.safetensors", weights_dir / "manifest.json"
        for path in (weights, manifest_path):
            if not path.is_file():
                raise FileNotFoundError(
                    f"{path} is missing: restore it from git, or train the judge again with `coverlift train judge`"
                )
        manifest = json.loads(manifest_path.read_text())
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        if digest != manifest["sha256"]:
            raise ValueError(
                f"{weights} has SHA-256 {digest}, its manifest says {manifest['sha256']}: restore both from git"
            )
        if tuple(manifest["families"]) != FAMILIES:
            raise ValueError(
                f"{weights} was trained for families {manifest['families']}, the pack has {FAMILIES}: train it again "
                "with `coverlift train judge`"
            )
        network = JudgeNetwork()
        network.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items()}, strict=True)
        return cls(network, digest)

    def outputs(self, pixels: Pixels) -> Iterator[JudgeOutput]:
        """Forward passes over batches of pictures."""
        return self._passes(self.network, pixels)

    @staticmethod
    def _passes(network: Callable[[Tensor], Result], pixels: Pixels) -> Iterator[Result]:
        x_NCHW = as_batch(pixels)
        with torch.inference_mode(), autocast("cpu", compute_dtype("cpu")):
            for part in torch.split(x_NCHW, BATCH):
                yield network(part)

    def style_logits(self, pixels: Pixels) -> Floats32:
        """Logits of the six styles before the temperature, (N, 6) float32."""
        parts = [output.style_logits.numpy() for output in self.outputs(pixels)]
        return np.concatenate([np.empty((0, len(FAMILIES)), np.float32), *parts])

    def style_probabilities(self, pixels: Pixels) -> Floats32:
        """Probability of each style, ``softmax(logits / temperature)``.

        Parameters
        ----------
        pixels
            (N, 64, 64, 3) uint8 RGB on white.

        Returns
        -------
        numpy.ndarray
            (N, 6) float32, rows sum to one, columns in the order of ``families``.

        Raises
        ------
        ValueError
            The array is not a batch of 64 x 64 RGB pictures of type uint8.
        """
        logits = torch.from_numpy(self.style_logits(pixels))
        probabilities: Floats32 = (logits / self.network.temperature).softmax(1).numpy()
        return probabilities

    def subject_embedding(self, pixels: Pixels) -> Floats32:
        """Where pictures lie among subjects, whatever their style.

        Returns
        -------
        numpy.ndarray
            (N, 128) float32, L2-normalised; pictures and errors as in :meth:`style_probabilities`.
        """
        parts = [output.embedding.numpy() for output in self.outputs(pixels)]
        return np.concatenate([np.empty((0, EMBEDDING_DIM), np.float32), *parts])

    def subject_similarity(self, a: Pixels, b: Pixels) -> Floats32:
        """Cosine of the subject embeddings of paired pictures, (N,) float32 in [-1, 1].

        Raises
        ------
        ValueError
            The two batches differ in length.
        """
        if len(a) != len(b):
            raise ValueError(f"pictures are compared in pairs, got {len(a)} and {len(b)}: pass as many of each")
        similarity: Floats32 = (self.subject_embedding(a) * self.subject_embedding(b)).sum(1)
        return similarity

    def features(self, pixels: Pixels) -> Floats32:
        """Flat vectors whose squared Euclidean distance is an LPIPS-like distance.

        Each of the three stages' maps is averaged over cells to 16, 16 and 8 cells a side,
        normalised to unit length over channels in every cell, and divided by the root of the
        number of cells; the three are concatenated. Hence ``|f(a) - f(b)|^2`` is the sum over
        stages of the mean over cells of the squared difference of unit vectors, LPIPS (Zhang et
        al., 2018, eq. 1) with all channel weights one. It lies in [0, 6], as maps are not negative.

        Parameters
        ----------
        pixels
            (N, 64, 64, 3) uint8 RGB on white.

        Returns
        -------
        numpy.ndarray
            (N, 59392) float32.
        """
        parts = [flat_features(maps).numpy() for _, maps in self._passes(self.network.maps, pixels)]
        return np.concatenate([np.empty((0, FEATURES_DIM), np.float32), *parts])


FEATURES_DIM = 64 * 16**2 + 128 * 16**2 + 160 * 8**2
"""Length of a vector of ``Judge.features``."""


def flat_features(maps: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Unit-normalised maps as one vector per picture, (N, 59392) float32."""
    flat = []
    for map_NCHW, side in zip(maps, (16, 16, 8), strict=True):
        cells = F.normalize(F.adaptive_avg_pool2d(map_NCHW.float(), side), dim=1)
        flat.append(cells.flatten(1) / side)
    return torch.cat(flat, dim=1)
