"""Which unit was painted already, where its pictures lie, and the histories that units are painted from.

Pictures lie in the content-addressed :class:`~jobs.lake.images.ImageStore`. Beside them,
``units/ab/<unit_id>.json`` names the pictures of a unit. It is written after them and in one
step, so a killed run leaves a unit either whole or not there.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import fsspec
import numpy as np
from numpy.typing import NDArray

from conf.errors import UsageError
from generation.history import history_bytes, history_from, history_id
from jobs.lake.images import ImageStore

LOOKUPS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class PaintedUnit:
    """A unit's pictures."""

    unit_id: str
    generator: str
    """Fingerprint of the weights that painted it."""
    cover_ids: tuple[str, ...]
    """One per candidate, in their order."""


class UnitStore:
    """The index of painted units of a picture store. May be pickled to Spark workers."""

    def __init__(self, images: ImageStore) -> None:
        self.images = images

    def find(self, unit_id: str) -> PaintedUnit | None:
        """The painted unit, or None when it must be painted: never recorded, or a picture of it is gone."""
        filesystem, place = self._place(unit_id)
        try:
            unit = json.loads(filesystem.cat_file(place))
        except FileNotFoundError:
            return None
        found = PaintedUnit(**{**unit, "cover_ids": tuple(unit["cover_ids"])})
        return found if all(self.images.exists(cover_id) for cover_id in found.cover_ids) else None

    def find_all(self, unit_ids: Iterable[str]) -> dict[str, PaintedUnit]:
        """Those of the units that were painted."""
        with ThreadPoolExecutor(LOOKUPS_AT_ONCE) as pool:
            return {unit.unit_id: unit for unit in pool.map(self.find, unit_ids) if unit is not None}

    def add(self, *, unit_id: str, generator: str, pictures: list[bytes]) -> PaintedUnit:
        """Keep the encoded pictures of a unit, one per candidate, then the record that names them."""
        unit = PaintedUnit(
            unit_id=unit_id, generator=generator, cover_ids=tuple(self.images.put(picture) for picture in pictures)
        )
        filesystem, place = self._place(unit_id)
        filesystem.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
        partial = f"{place}.{uuid.uuid4().hex}.part"
        filesystem.pipe_file(partial, json.dumps(asdict(unit)).encode())
        filesystem.mv(partial, place)
        return unit

    def add_history(self, history: NDArray[np.float32]) -> str:
        """Keep a history that units are painted from; returns its id."""
        name = history_id(history)
        filesystem, place = self._history_place(name)
        if not filesystem.exists(place):
            filesystem.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
            partial = f"{place}.{uuid.uuid4().hex}.part"
            filesystem.pipe_file(partial, history_bytes(history))
            filesystem.mv(partial, place)
        return name

    def history(self, name: str) -> NDArray[np.float32]:
        """The history of an id.

        Raises
        ------
        UsageError
            It is not there, or has changed.
        """
        filesystem, place = self._history_place(name)
        try:
            data = filesystem.cat_file(place)
        except FileNotFoundError:
            data = b""
        if hashlib.sha256(data).hexdigest() != name:
            raise UsageError(f"The history {place} is missing or has changed: run `coverlift plan` again")
        return history_from(data)

    def _history_place(self, name: str) -> tuple[Any, str]:
        filesystem, root = fsspec.url_to_fs(self.images.url, **self.images.storage_options)
        return filesystem, f"{root.rstrip('/')}/histories/{name[:2]}/{name}.f32"

    def _place(self, unit_id: str) -> tuple[Any, str]:
        filesystem, root = fsspec.url_to_fs(self.images.url, **self.images.storage_options)
        return filesystem, f"{root.rstrip('/')}/units/{unit_id[:2]}/{unit_id}.json"
