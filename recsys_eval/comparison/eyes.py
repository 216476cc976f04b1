"""Who looks at a comparison's pictures: the judge, which scores, the panel, and the packaged encoder.

The judge and the panel share no weights with what any method was trained on. The encoder does, as rewards look through
it; its figures are printed as such.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jobs.lake.arrays import Floats32, Ints, Pixels
from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.judge.model import FEATURES_DIM, Judge, flat_features
from recsys_eval.panel.measures import SHAPES, Views
from recsys_eval.panel.pairs import seven_bits
from recsys_eval.panel.plain_cnn import load_seeds
from recsys_eval.panel.structure import ssim
from reward_model.encoders.compiled import load_picture_encoder
from reward_model.encoders.model import PictureEncoder, encode_pictures

STYLE, SUBJECT, POOLED = "style", "subject", "pooled"
"""The judge: (N, 6) probabilities, (N, 128) embedding, (N, 352) means of its feature maps, float16."""
ENCODED = "encoded"
"""The packaged encoder's vector, (N, 160)."""
PLAIN_STYLE, PLAIN_SUBJECT = "plain style", "plain subject"
"""The panel's K plain networks: (N, K) the likeliest family, (N, K, 64) embeddings, float16."""
SHAPE = "shape"
"""(N, 3): halo, colours needed, gradient energy."""
PERCEPTUAL, SIMILAR = "perceptual", "similar"
"""(N, 6) the judge's LPIPS-like distance to each family's drawing of the item, NaN without one; (N,) SSIM to the
original."""


def _plain() -> list[Views]:
    return list(load_seeds().values())


@dataclass(frozen=True)
class Eyes:
    """Looks at pictures once: one pass of the judge."""

    judge: Judge
    encoder: PictureEncoder = field(default_factory=load_picture_encoder)
    plain: Sequence[Views] = field(default_factory=_plain)

    def __call__(self, pixels: Pixels) -> Mapping[str, NDArray[Any]]:
        """All that is seen of (N, 64, 64, 3) whatever they are of."""
        return self.seen(pixels)[0]

    def seen(self, pixels: Pixels) -> tuple[dict[str, NDArray[Any]], Floats32]:
        """The same, and the judge's features (N, 59392)."""
        found, maps = self.brief(pixels)
        seven = seven_bits(pixels)
        plain = [network(seven) for network in self.plain]
        pooled = [torch.cat([stage.float().mean((2, 3)) for stage in three], dim=1).numpy() for three in maps]
        features = [flat_features(three).numpy() for three in maps]
        found |= {
            POOLED: np.concatenate(pooled).astype(np.float16),
            PLAIN_STYLE: np.stack([style.argmax(axis=1) for style, _ in plain], axis=1).astype(np.int8),
            PLAIN_SUBJECT: np.stack([subject for _, subject in plain], axis=1).astype(np.float16),
            SHAPE: np.stack([measure(seven) for measure in SHAPES.values()], axis=1).astype(np.float32),
        }
        return found, np.concatenate(features)

    def brief(self, pixels: Pixels) -> tuple[dict[str, NDArray[Any]], list[tuple[Tensor, Tensor, Tensor]]]:
        """Style, subject and the encoder's vector, and the judge's feature maps by its batches."""
        outputs = list(self.judge.outputs(pixels))
        logits = torch.cat([each.style_logits for each in outputs])
        found: dict[str, NDArray[Any]] = {
            STYLE: (logits / self.judge.network.temperature).softmax(1).detach().numpy(),
            SUBJECT: torch.cat([each.embedding for each in outputs]).numpy(),
            ENCODED: np.concatenate(encode_pictures(self.encoder, pixels), axis=1).astype(np.float32),
        }
        return found, [each.maps for each in outputs]


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Looks at painted pictures of known items, and beside their originals and drawings. ``I`` items."""

    eyes: Eyes
    pack: PicturePack
    items: Sequence[str]
    """(I,) subjects."""
    originals: Pixels
    """(I, 64, 64, 3)."""

    @cached_property
    def drawings(self) -> Floats32:
        """(I, 6, 59392) the judge's features of every drawing, NaN where a family draws none."""
        found = np.full((len(self.items), len(FAMILIES), FEATURES_DIM), np.nan, np.float32)
        for place, code in enumerate(self.items):
            for name in self.pack.families_of(code):
                found[place, FAMILIES.index(name)] = self.eyes.judge.features(np.stack([self.pack.pixels(code, name)]))[
                    0
                ]
        return found

    def __call__(self, pixels: Pixels, items: Ints, *, brief: bool) -> Mapping[str, NDArray[Any]]:
        """All that is seen of pictures (N, 64, 64, 3) of (N,) items."""
        if brief:
            return self.eyes.brief(pixels)[0]
        found, features = self.eyes.seen(pixels)
        apart = np.square(features[:, None] - self.drawings[items]).sum(axis=-1)
        return {**found, PERCEPTUAL: apart, SIMILAR: ssim(pixels, self.originals[items]).astype(np.float32)}
