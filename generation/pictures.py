"""Pictures between bytes and pixels."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.types import SIZE
from jobs.lake.pictures import opened

MIME = "image/webp"


def to_pixels(data: bytes, size: int = SIZE) -> NDArray[np.uint8]:
    """(size, size, 3) uint8 RGB of an encoded picture of any size; transparent parts become white.

    The same pixels as :func:`reward_model.encoders.model.to_pixels`, without torch: Spark tasks decode references.
    """
    picture = opened(data)
    if picture.size != (size, size):
        picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return np.asarray(picture, dtype=np.uint8)


def to_webp(pixels: NDArray[np.uint8]) -> bytes:
    """Lossless WebP of (64, 64, 3) uint8 RGB."""
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "WEBP", lossless=True, method=0)
    return target.getvalue()
