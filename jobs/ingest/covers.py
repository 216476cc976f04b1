"""Verifying and storing the pictures of covers, in Spark tasks."""

import errno
import hashlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fsspec
import pyarrow as pa
from PIL import Image

from jobs.ingest import contract
from jobs.ingest.checks import REASONS
from jobs.lake.images import ImageStore
from jobs.lake.pictures import FORMATS, as_seen

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NO_FILE = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
NO_PATH = (errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL)
"""Errors of a path that names no readable file; other errors of input and output are no fault of the row."""

KNOWN = "_known_cover"
"""Column of the covers frame: the lake has this cover of this item already."""

MEASURED = pa.schema(
    [
        pa.field("mime", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("bytes", pa.int64()),
    ]
)
"""What verifying a picture finds out; null for known covers and where there is no picture."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture that was looked at."""

    reasons: tuple[str, ...] = ()
    mime: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None


def is_safe(path: str) -> bool:
    """Whether a path stays below the folder it is relative to.

    Examples
    --------
    >>> [is_safe(path) for path in ("ab/fox.png", "../fox.png", "/etc/fox.png", "s3://b/fox.png")]
    [True, False, False, False]
    """
    return not (path.startswith(("/", "\\")) or "://" in path or ".." in path.replace("\\", "/").split("/"))


def look_at(data: bytes, cover_id: str, max_pixels: int) -> Picture:
    """Check a picture's bytes against its id and decode it.

    Parameters
    ----------
    data
        The file.
    cover_id
        Expected SHA-256.
    max_pixels
        Width times height above which it is not decoded.

    Returns
    -------
    Picture
        With all reasons against it, or with its measures.
    """
    wrong = (contract.WRONG_HASH,) if hashlib.sha256(data).hexdigest() != cover_id else ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                if picture.width * picture.height > max_pixels:
                    return Picture(reasons=(contract.IMAGE_BOMB, *wrong))
                mime = Image.MIME[str(picture.format)]
                width, height = as_seen(picture).size
    except Image.DecompressionBombError:
        return Picture(reasons=(contract.IMAGE_BOMB, *wrong))
    except MemoryError:
        raise
    except Exception:  # Pillow's decoders promise no kind of error for bytes that are no picture
        return Picture(reasons=(contract.UNREADABLE_IMAGE, *wrong))
    return Picture(reasons=wrong, mime=mime, width=width, height=height, bytes=len(data))


class PictureReader:
    """Reads covers' bytes, verifies them and puts the good ones into the store.

    Parameters
    ----------
    files_url
        Folder that ``path`` is relative to.
    storage_options
        Passed to fsspec.
    images
        Store of verified pictures.
    max_pixels
        See ``look_at``.
    """

    def __init__(self, files_url: str, storage_options: dict[str, str], images: ImageStore, max_pixels: int) -> None:
        self.files_url = files_url
        self.storage_options = storage_options
        self.images = images
        self.max_pixels = max_pixels

    def fetch(self, row: dict[str, Any]) -> bytes | str:
        """Bytes of the row's picture, or the reason why there are none."""
        if row["data"] is not None:
            return bytes(row["data"])
        if not is_safe(row["path"]):
            return contract.UNSAFE_PATH
        filesystem, root = fsspec.url_to_fs(self.files_url, **self.storage_options)
        try:
            return bytes(filesystem.cat_file(f"{root.rstrip('/')}/{row['path']}"))
        except ValueError:  # a name that no file system takes
            return contract.UNREADABLE_IMAGE
        except OSError as error:
            if isinstance(error, NO_FILE) or error.errno in NO_PATH:
                return contract.UNREADABLE_IMAGE
            raise

    def verify(self, row: dict[str, Any]) -> Picture:
        """Look at the picture of one row; it is stored if nothing is wrong with the row.

        Parameters
        ----------
        row
            With ``cover_id``, ``path``, ``data``, ``KNOWN`` and ``REASONS``.
        """
        if row[KNOWN] or row["cover_id"] is None or (row["path"] is None and row["data"] is None):
            return Picture()
        data = self.fetch(row)
        if isinstance(data, str):
            return Picture(reasons=(data,))
        picture = look_at(data, row["cover_id"], self.max_pixels)
        if not picture.reasons and not row[REASONS]:
            self.images.put(data)
        return picture

    def batch(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Add measures and reasons to a batch; the bytes are dropped."""
        before = rows.column(REASONS).to_pylist()
        pictures = [self.verify(row) for row in rows.select(["cover_id", "path", "data", KNOWN, REASONS]).to_pylist()]
        reasons = [
            ",".join(filter(None, (old, *picture.reasons))) for old, picture in zip(before, pictures, strict=True)
        ]
        kept = [name for name in rows.schema.names if name not in ("data", REASONS)]
        columns = {name: rows.column(name) for name in kept}
        columns |= {
            field.name: pa.array([getattr(picture, field.name) for picture in pictures], field.type)
            for field in MEASURED
        }
        return pa.RecordBatch.from_pydict(columns | {REASONS: pa.array(reasons, pa.string())})


def verify_pictures(frame: "DataFrame", reader: PictureReader) -> "DataFrame":
    """Covers with ``MEASURED`` instead of their bytes; good new pictures are in the store afterwards."""
    from pyspark.sql import functions as F

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield reader.batch(batch)

    frame = frame.withColumn("data", F.when(~F.col(KNOWN), F.col("data")))
    kept = [f"`{name}` {kind}" for name, kind in frame.dtypes if name not in ("data", REASONS)]
    measures = ["mime string", "width int", "height int", "bytes bigint", f"{REASONS} string"]
    return frame.mapInArrow(run, ", ".join([*kept, *measures]))
