"""Pictures between bytes and pixels."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.types import SIZE
from jobs.lake.pictures import encoded, flattened, opened


def to_pixels(data: bytes, size: int | None = SIZE) -> NDArray[np.uint8]:
    """(size, size, 3) uint8 RGB of an encoded picture of any size; transparent parts become white.

    The same pixels as :func:`reward_model.encoders.model.to_pixels`, without torch: Spark tasks decode references.

    Parameters
    ----------
    data
        As the lake stores pictures.
    size
        None leaves the picture's own width and height.
    """
    picture = opened(data)
    if size is not None and picture.size != (size, size):
        picture = picture.resize((size, size), Image.Resampling.LANCZOS)
    return flattened(picture)


def to_webp(pixels: NDArray[np.uint8]) -> bytes:
    """Lossless WebP of (H, W, 3) uint8 RGB."""
    return encoded(pixels)
