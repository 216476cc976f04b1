"""Who looks at a comparison's pictures: the judge, which scores, and the packaged encoder, which rewards look through.

The judge shares no weights with what any method was trained on. The encoder does; its distances are printed as such.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from jobs.lake.arrays import Floats32, Pixels
from jobs.stickers.pack import FAMILIES
from recsys_eval.judge.known_drawings import judged
from recsys_eval.judge.model import Judge
from reward_model.encoders.model import ImageEncoder, encode_pictures, load_image_encoder

STYLE, SUBJECT, ENCODED = "style", "subject", "encoded"
"""Names of what is seen: (N, 6) probabilities, (N, 128) embedding of the judge, (N, 160) the encoder's vector."""


@dataclass(frozen=True)
class Eyes:
    """Looks at pictures once."""

    judge: Judge
    encoder: ImageEncoder = field(default_factory=load_image_encoder)

    def __call__(self, pixels: Pixels) -> Mapping[str, Floats32]:
        """All that is seen of (N, 64, 64, 3)."""
        said = judged(self.judge, pixels)
        logits = said[:, : len(FAMILIES)] / float(self.judge.network.temperature)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {
            STYLE: (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32),
            SUBJECT: said[:, len(FAMILIES) :],
            ENCODED: np.concatenate(encode_pictures(self.encoder, pixels), axis=1).astype(np.float32),
        }
