"""The size that a cover is painted at: the built-in generator's own, or of several canvases the one like the original.

A painter is handed its reference at the size of the canvas and answers with a picture of that size, so nothing else
says how large a picture is to be, and requests of one size make a batch.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from generation.pictures import to_pixels
from generation.types import SIZE
from jobs.lake.pictures import flattened, opened

Size = tuple[int, int]
"""Width and height, pixels."""
BUILT_IN: tuple[Size, ...] = ((SIZE, SIZE),)
"""What the built-in generator paints, and nothing else."""


def like(original: Size, choice: Sequence[Size]) -> Size:
    """The canvas whose shape is nearest to a picture's, by the ratio of their aspects; of equal ones the first.

    Examples
    --------
    >>> like((300, 450), [(512, 512), (512, 768), (768, 512)]), like((1920, 1080), [(512, 512)])
    ((512, 768), (512, 512))
    """
    aspect = math.log(original[0] / original[1])
    return min(choice, key=lambda size: abs(math.log(size[0] / size[1]) - aspect))


def size_of(pictures: NDArray[np.uint8]) -> Size:
    """Width and height of (N, H, W, 3)."""
    return pictures.shape[2], pictures.shape[1]


def resized(pictures: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """(N, H, W, 3) uint8 at a width and height; the same array where they have it."""
    if size_of(pictures) == size:
        return pictures
    return np.stack([np.asarray(Image.fromarray(each).resize(size, Image.Resampling.LANCZOS)) for each in pictures])


def reference_pixels(data: bytes, size: Size) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB of an encoded cover, as a painter is handed it.

    It is scaled until it fills the size, and what is too much is cut from both sides alike; transparent parts become
    white. At the built-in generator's size a cover is squeezed, as the packaged encoders see it, and not cut.
    """
    if size in BUILT_IN:
        return to_pixels(data)
    return flattened(ImageOps.fit(opened(data), size, Image.Resampling.LANCZOS))
