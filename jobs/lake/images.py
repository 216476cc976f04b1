"""Pictures by the hash of their bytes, on any fsspec file system."""

import hashlib
import re
import uuid
from functools import cached_property
from typing import Any

import fsspec

from conf.errors import CorruptImage

SHA256 = re.compile(r"[0-9a-f]{64}")


class ImageStore:
    """A content-addressed store: ``<url>/ab/abcdef...`` holds the bytes whose SHA-256 is ``abcdef...``.

    A picture appears under its name in one step, so a killed writer leaves none that is half
    there, and it is never rewritten. Instances may be pickled to Spark workers.

    Parameters
    ----------
    url
        Folder as a path or an fsspec URL (``file://``, ``s3://``, ``gs://``, ``hdfs://``).
    storage_options
        Passed to fsspec.
    """

    def __init__(self, url: str, storage_options: dict[str, str] | None = None) -> None:
        self.url = url
        self.storage_options = dict(storage_options or {})

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "storage_options": self.storage_options}

    @cached_property
    def _opened(self) -> tuple[fsspec.AbstractFileSystem, str]:
        filesystem, root = fsspec.url_to_fs(self.url, **self.storage_options)
        return filesystem, root.rstrip("/")

    @staticmethod
    def uri(sha: str) -> str:
        """Place of a picture relative to the store: ``ab/abcdef...``.

        Raises
        ------
        ValueError
            When ``sha`` is not 64 lower-case hex digits.
        """
        if not SHA256.fullmatch(sha):
            raise ValueError(f"{sha!r} is no picture id: expected 64 lower-case hex digits (SHA-256)")
        return f"{sha[:2]}/{sha}"

    def put(self, data: bytes) -> str:
        """Keep the bytes; returns their SHA-256. A picture that is there already is left alone."""
        sha = hashlib.sha256(data).hexdigest()
        if self.exists(sha):
            return sha
        filesystem, root = self._opened
        target = f"{root}/{self.uri(sha)}"
        filesystem.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        if "file" in _protocols(filesystem) or "hdfs" in _protocols(filesystem):
            partial = f"{target}.{uuid.uuid4().hex}.part"
            filesystem.pipe_file(partial, data)
            filesystem.mv(partial, target)
        else:
            filesystem.pipe_file(target, data)  # object stores show an object only when it is whole
        return sha

    def get(self, sha: str) -> bytes:
        """The picture's bytes, verified.

        Raises
        ------
        FileNotFoundError
            When the store has no such picture.
        CorruptImage
            When the stored bytes hash to something else.
        """
        filesystem, root = self._opened
        place = f"{root}/{self.uri(sha)}"
        data: bytes = filesystem.cat_file(place)
        found = hashlib.sha256(data).hexdigest()
        if found != sha:
            raise CorruptImage(
                f"{place} holds {len(data)} bytes with SHA-256 {found}: the picture is damaged; "
                "delete that file, then ingest or generate it again."
            )
        return data

    def exists(self, sha: str) -> bool:
        """Whether the store has the picture (its bytes are not read)."""
        filesystem, root = self._opened
        return bool(filesystem.exists(f"{root}/{self.uri(sha)}"))


def _protocols(filesystem: fsspec.AbstractFileSystem) -> tuple[str, ...]:
    named = filesystem.protocol
    return (named,) if isinstance(named, str) else tuple(named)
