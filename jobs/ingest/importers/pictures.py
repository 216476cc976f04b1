"""Pictures of a data set, in folders or zip archives, under the hash of their bytes in the input's ``covers/files``."""

import hashlib
import io
import os
import shutil
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import polars as pl
from PIL import Image

from conf.errors import ContractError
from jobs.ingest import contract
from jobs.ingest.covers import is_safe
from jobs.ingest.importers.output import write_table
from jobs.ingest.importers.reading import UNREADABLE
from jobs.ingest.importers.rows import NO_COVER, REFUSED
from jobs.lake.pictures import FORMATS

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
CHUNK = 4096
"""Pictures after which a killed import goes on."""
MOST_BYTES = 1 << 26
"""A larger file is no cover."""

COVERS: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "picture": pl.String(),
    "rank": pl.Int32(),
    "cover_id": pl.String(),
    "path": pl.String(),
    "reason": pl.String(),
}
"""A picture that was looked at: ``cover_id`` and ``path`` of a good one, ``reason`` of another."""


class PictureStore:
    """Pictures by name, without or with their suffix.

    Parameters
    ----------
    folders
        Where they lie; the first that has one is taken.
    archives
        Zip archives, asked when no folder has it. A member is found by its whole name or by its last part.
    """

    def __init__(self, folders: Sequence[Path], archives: Sequence[Path] = ()) -> None:
        self.folders, self.archives = tuple(folders), tuple(archives)

    @cached_property
    def _members(self) -> dict[str, tuple[zipfile.ZipFile, zipfile.ZipInfo]]:
        members: dict[str, tuple[zipfile.ZipFile, zipfile.ZipInfo]] = {}
        for path in self.archives:
            try:
                archive = zipfile.ZipFile(path)
            except (OSError, zipfile.BadZipFile) as error:
                raise ContractError(f"{path} is no whole zip archive ({error}): download it again.") from error
            for info in archive.infolist():
                members.setdefault(info.filename, (archive, info))
                members.setdefault(info.filename.rpartition("/")[2], (archive, info))
        return members

    def place(self, name: str) -> Path | None:
        """The file of a picture; None where no folder has it."""
        if not name or not is_safe(name):
            return None
        for folder in self.folders:
            for suffix in ("", *SUFFIXES):
                path = folder / f"{name}{suffix}"
                if path.is_file():
                    return path
        return None

    def has(self, name: str) -> bool:
        """Whether there is such a picture."""
        return self.place(name) is not None or self._member(name) is not None

    def _member(self, name: str) -> tuple[zipfile.ZipFile, zipfile.ZipInfo] | None:
        return next(
            (self._members[f"{name}{suffix}"] for suffix in ("", *SUFFIXES) if f"{name}{suffix}" in self._members), None
        )

    def read(self, name: str) -> bytes | None:
        """Bytes of a picture, at most one more than :data:`MOST_BYTES`; None where there is none or it is damaged."""
        try:
            path = self.place(name)
            if path is not None:
                with path.open("rb") as stream:
                    return stream.read(MOST_BYTES + 1)
            member = self._member(name)
            if member is None:
                return None
            with member[0].open(member[1]) as stream:
                return stream.read(MOST_BYTES + 1)
        except UNREADABLE:
            return b""


def fault_of(data: bytes) -> str | None:
    """Why bytes are no cover, by their size and header; the ingest decodes them whole."""
    if len(data) > MOST_BYTES:
        return contract.IMAGE_BOMB
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=FORMATS):
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return None
    except Image.DecompressionBombError:
        return contract.IMAGE_BOMB
    except Exception:  # Pillow's readers promise no kind of error for bytes that are no picture
        return contract.UNREADABLE_IMAGE


def link_covers(
    wanted: pl.DataFrame, store: PictureStore, files: Path, work: Path, *, copy: bool
) -> Iterator[pl.DataFrame]:
    """Put pictures into ``covers/files`` and look at them; yields :data:`COVERS` of a chunk.

    Parameters
    ----------
    wanted
        ``item_id``, ``picture`` and ``rank``.
    store
        Where they are.
    files
        ``covers/files`` of the feed.
    work
        Keeps each finished chunk, so that it is not done again.
    copy
        Copy files instead of linking them. What cannot be linked, as on another disk, is copied anyway.
    """
    for number, chunk in enumerate(wanted.iter_slices(CHUNK)):
        kept = work / f"{number:06}.parquet"
        if not kept.exists():
            rows = [
                (*row, *_put(row[1], store, files, copy))
                for row in chunk.select("item_id", "picture", "rank").iter_rows()
            ]
            write_table(pl.DataFrame(rows, schema=COVERS, orient="row"), kept)
        yield pl.read_parquet(kept)


def _put(name: str, store: PictureStore, files: Path, copy: bool) -> tuple[str | None, str | None, str | None]:
    """Cover id and path, or the reason why not."""
    data = store.read(name)
    if data is None:
        return None, None, NO_COVER
    fault = fault_of(data)
    if fault is not None:
        return None, None, fault
    cover_id = hashlib.sha256(data).hexdigest()
    path = f"{cover_id[:2]}/{cover_id}"
    target = files / path
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{cover_id}.new")
        draft.unlink(missing_ok=True)
        place = store.place(name)
        if place is None:
            draft.write_bytes(data)
        else:
            _link(place, draft, copy)
        draft.rename(target)
    return cover_id, path, None


def _link(source: Path, target: Path, copy: bool) -> None:
    """A second name for a file, or a copy of it."""
    if not copy:
        try:
            os.link(source.resolve(), target)
            return
        except OSError:  # another disk, a file system without links, too many of them, another owner
            pass
    shutil.copyfile(source, target)


def chosen_covers(looked_at: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Covers of the feed, one default an item, and what is refused.

    Parameters
    ----------
    looked_at
        :data:`COVERS`.

    Returns
    -------
    tuple
        ``item_id``, ``picture``, ``cover_id``, ``path``, ``is_default`` and ``first``, false for a picture whose bytes
        another of the item has; and :data:`~jobs.ingest.importers.rows.REFUSED`, among them these.
    """
    good = looked_at.filter(pl.col("reason").is_null()).sort("item_id", "rank", "picture")
    good = good.with_columns(
        is_default=pl.int_range(pl.len()).over("item_id") == 0,
        first=pl.struct("item_id", "cover_id").is_first_distinct(),
    )
    same = good.filter(~pl.col("first")).with_columns(reason=pl.lit(contract.DUPLICATE_COVER))
    bad = pl.concat([looked_at.filter(pl.col("reason").is_not_null()), same.select(*COVERS)])
    refused = bad.select(
        pl.struct("item_id", "picture").struct.json_encode().alias("row"),
        pl.concat_list("reason").alias("reasons"),
    )
    return good.drop("reason", "rank"), refused.cast(REFUSED)  # type: ignore[arg-type]
