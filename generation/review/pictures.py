"""A picture as the browser may have it: named by its hash, verified, and typed by its own bytes."""

from conf.errors import CorruptImage, Unknown
from jobs.lake.images import SHA256, ImageStore

SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"WEBP", 8, "image/webp"),
    (b"GIF8", 0, "image/gif"),
    (b"ftypavif", 4, "image/avif"),
)
"""First bytes of the formats that ingest and painting write; anything else is not shown."""


def media_type(data: bytes) -> str | None:
    """Type of a picture by its first bytes.

    Examples
    --------
    >>> media_type(b"GIF89a..."), media_type(b"<svg/>")
    ('image/gif', None)
    """
    return next((kind for sign, at, kind in SIGNATURES if data[at : at + len(sign)] == sign), None)


def picture(images: ImageStore, sha: str) -> tuple[bytes, str]:
    """Bytes and type of a picture.

    Raises
    ------
    Unknown
        When the name is no hash, there is no such picture, it is damaged, or it is no picture.
    """
    if not SHA256.fullmatch(sha):
        raise Unknown("There is no such picture.")
    try:
        data = images.get(sha)
    except (FileNotFoundError, CorruptImage) as error:
        raise Unknown("There is no such picture.") from error
    kind = media_type(data)
    if kind is None:
        raise Unknown("There is no such picture.")
    return data, kind
