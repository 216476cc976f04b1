"""Pictures between bytes and pixels."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.types import SIZE

MIME = "image/webp"


def to_pixels(data: bytes) -> NDArray[np.uint8]:
    """(64, 64, 3) uint8 RGB of an encoded picture of any size; transparent parts become white.

    The same pixels as :func:`reward_model.encoders.model.to_pixels`, without torch: Spark tasks decode references.
    """
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB" if opened.mode == "RGB" else "RGBA")
    if picture.size != (SIZE, SIZE):
        picture = picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return np.asarray(picture, dtype=np.uint8)


def to_webp(pixels: NDArray[np.uint8]) -> bytes:
    """Lossless WebP of (64, 64, 3) uint8 RGB."""
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "WEBP", lossless=True, method=0)
    return target.getvalue()
