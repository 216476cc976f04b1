"""What a data set gives to the import: items, pictures and events, and what a person must know of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, Protocol

import polars as pl

from jobs.ingest.importers.pictures import PictureStore
from jobs.ingest.importers.rows import Checked

Sampling = Literal["popularity", "uniform"]
PosterKey = Literal["movie", "imdb", "tmdb"]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a person must know of a data set before its figures are used."""

    title: str
    release: str
    """The release and the files that are read."""
    licence: str
    citation: str
    cannot: str
    """What the data cannot show."""


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Options of an import; each data set names those that mean something for it."""

    negatives: int = 4
    sampling: Sampling = "popularity"
    at_most: int = 20
    posters: Path | None = None
    posters_by: PosterKey = "movie"
    first_day: date = date(2025, 1, 1)
    seed: int = 11
    copy: bool = False


class DataSet(Protocol):
    """A public data set in a folder.

    Making one looks at the files, and raises UsageError where one is missing or is another one.
    """

    about: About
    split_by: str
    """Column of an event by which a large day is cut into parts: what must stay together is alike in it."""
    growth: int
    """Impressions that a row of the log may become."""
    store: PictureStore

    def files(self) -> Sequence[Path]:
        """The tables that are read: a killed import goes on only while they are as they were."""
        ...

    def items(self) -> Iterator[Checked]:
        """Items, columns :data:`~jobs.ingest.importers.rows.ITEMS`; an item may come twice."""
        ...

    def pictures(self, items: pl.DataFrame) -> pl.DataFrame:
        """Pictures of items by rank, 0 the default: ``item_id``, ``picture`` and ``rank``."""
        ...

    def events(self) -> Iterator[Checked]:
        """The log, columns :data:`~jobs.ingest.importers.rows.EVENTS`."""
        ...
