"""Who looks at a comparison's pictures: the judge, which scores, and the packaged encoder, which rewards look through.

The judge shares no weights with what any method was trained on. The encoder does; its distances are printed as such.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recsys_eval.judge.model import Judge
from reward_model.encoders.model import ImageEncoder, encode_pictures, load_image_encoder

STYLE, SUBJECT, ENCODED = "style", "subject", "encoded"
"""Names of what is seen: (N, 6) probabilities, (N, 128) embedding of the judge, (N, 160) the encoder's vector."""


@dataclass(frozen=True)
class Eyes:
    """Looks at pictures once."""

    judge: Judge
    encoder: ImageEncoder = field(default_factory=load_image_encoder)

    def __call__(self, pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """All that is seen of (N, 64, 64, 3)."""
        outputs = list(self.judge.outputs(pixels))
        logits = np.concatenate([each.style_logits.numpy() for each in outputs]) / float(self.judge.network.temperature)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {
            STYLE: (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32),
            SUBJECT: np.concatenate([each.embedding.numpy() for each in outputs]).astype(np.float32),
            ENCODED: np.concatenate(encode_pictures(self.encoder, pixels), axis=1).astype(np.float32),
        }
