"""Between the bytes of pictures and what a person sees of them: upright, in sRGB, the first frame."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
"""Of covers."""

LOSSLESS = "webp-lossless"
WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    "webp-lossless": ("WEBP", {"lossless": True, "method": 0}),
    "webp": ("WEBP", {"method": 4}),
    "jpeg": ("JPEG", {"optimize": True, "progressive": True, "subsampling": "4:4:4"}),
    "avif": ("AVIF", {"speed": 6}),
}
"""What painted covers and crops may be stored as: Pillow's format and options."""

DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of grey in 16 bits."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by the orientation that EXIF tells."""


def opened(data: bytes) -> Image.Image:
    """A picture as a person sees it, RGB or, where it may be transparent, RGBA; docs/input-contract.md has the rules.

    Raises
    ------
    Exception
        Of any kind, where the bytes are no whole picture: Pillow's decoders promise none.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        return as_seen(picture)


def as_seen(picture: Image.Image) -> Image.Image:
    """The first frame of a picture that Pillow has open; see :func:`opened`."""
    picture.load()
    turn, profile = TURNS.get(_orientation(picture)), picture.info.get("icc_profile")
    if picture.mode in DEEP:
        picture = Image.fromarray((np.asarray(picture).astype(np.int64).clip(0, 65_535) >> 8).astype(np.uint8))
    opaque = picture.mode == "RGB" and "transparency" not in picture.info
    seen = picture.convert("RGB" if opaque else "RGBA")
    if profile:
        seen = _in_srgb(picture, seen, profile)
    return seen if turn is None else seen.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    """As EXIF tells it; 1, upright, where it tells nothing or nonsense."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow parses it only now, and promises no kind of error either
        return 1


def _in_srgb(picture: Image.Image, seen: Image.Image, profile: bytes) -> Image.Image:
    """The colours of a profile as sRGB; as they are where the profile is broken or not for such pixels."""
    pixels = picture if picture.mode in ("CMYK", "L") else seen.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        found = ImageCms.profileToProfile(pixels, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return seen
    assert found is not None
    if seen.mode == "RGBA":
        found.putalpha(seen.getchannel("A"))
    return found


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
        A key of :data:`WRITERS`.
    quality
        1 to 100, of those that lose something.
    """
    name, options = WRITERS[form]
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, name, **(options if form == LOSSLESS else {**options, "quality": quality}))
    return target.getvalue()


def mime_of(form: str) -> str:
    """Media type of what :func:`encoded` writes.

    Examples
    --------
    >>> mime_of("webp-lossless"), mime_of("avif")
    ('image/webp', 'image/avif')
    """
    return f"image/{WRITERS[form][0].lower()}"
