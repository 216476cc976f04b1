"""Pictures between bytes and pixels."""

import io
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.types import SIZE
from jobs.lake.pictures import opened

Format = Literal["webp-lossless", "webp", "jpeg", "avif"]
"""What painted covers are stored as."""
LOSSLESS: Format = "webp-lossless"
WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    "webp-lossless": ("WEBP", {"lossless": True, "method": 0}),
    "webp": ("WEBP", {"method": 4}),
    "jpeg": ("JPEG", {"optimize": True, "progressive": True, "subsampling": "4:4:4"}),
    "avif": ("AVIF", {"speed": 6}),
}
"""Pillow's format and options."""


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


def flattened(picture: Image.Image) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of an RGB or RGBA picture, on white."""
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return np.asarray(picture, dtype=np.uint8)


def encoded(pixels: NDArray[np.uint8], form: str = LOSSLESS, quality: int = 90) -> bytes:
    """The bytes that (H, W, 3) uint8 RGB is stored as.

    Parameters
    ----------
    pixels
        The picture.
    form
        One of :data:`Format`.
    quality
        1 to 100, of those that lose something.
    """
    name, options = WRITERS[form]
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, name, **(options if form == LOSSLESS else {**options, "quality": quality}))
    return target.getvalue()


def to_webp(pixels: NDArray[np.uint8]) -> bytes:
    """Lossless WebP of (H, W, 3) uint8 RGB."""
    return encoded(pixels)


def mime_of(form: str) -> str:
    """Media type of what :func:`encoded` writes.

    Examples
    --------
    >>> mime_of("webp-lossless"), mime_of("avif")
    ('image/webp', 'image/avif')
    """
    return f"image/{WRITERS[form][0].lower()}"
