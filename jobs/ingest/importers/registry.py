"""The data sets by name, with the options that mean something for each."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from conf.errors import UsageError
from jobs.ingest.importers.data_set import DataSet, ImportOptions, PosterKey, Sampling
from jobs.ingest.importers.sets.microlens import MicroLens
from jobs.ingest.importers.sets.mmctr import Mmctr
from jobs.ingest.importers.sets.movielens import MovieLens
from jobs.ingest.importers.sets.pixelrec import PixelRec
from jobs.ingest.importers.sets.qilin import Qilin
from jobs.ingest.importers.sets.tianchi import Tianchi

ALWAYS = frozenset({"copy"})
CLICKS = frozenset({"negatives", "sampling", "seed"})
"""Options of logs of clicks alone."""


@dataclass(frozen=True)
class Kind:
    """A data set that can be imported."""

    open: Callable[[Path, ImportOptions], DataSet]
    """Makes it from its folder; raises UsageError where that is another folder."""
    takes: frozenset[str]
    """Fields of ImportOptions that change what is written."""


KINDS: dict[str, Kind] = {
    "qilin": Kind(Qilin, frozenset()),
    "tianchi": Kind(Tianchi, frozenset({"at_most", "seed"})),
    "microlens": Kind(MicroLens, CLICKS),
    "mmctr": Kind(Mmctr, CLICKS | {"first_day"}),
    "pixelrec": Kind(PixelRec, CLICKS),
    "movielens": Kind(MovieLens, CLICKS | {"posters", "posters_by"}),
}


def open_data_set(name: str, root: Path, given: Mapping[str, Any]) -> tuple[DataSet, ImportOptions]:
    """A data set, and the options of its import.

    Parameters
    ----------
    name
        One of :data:`KINDS`.
    root
        Its folder.
    given
        Options by name, those that were given.

    Raises
    ------
    UsageError
        There is no such data set, an option does nothing for it or is out of range, or the folder is another one.
    """
    kind = KINDS.get(name)
    if kind is None:
        close = difflib.get_close_matches(name, KINDS, n=1)
        hint = f", did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"There is no importer of {name!r}{hint} Importers are {', '.join(KINDS)}.")
    idle = [f"--{key.replace('_', '-')}" for key in given if key not in kind.takes | ALWAYS]
    if idle:
        raise UsageError(f"{', '.join(idle)} does nothing for {name}.")
    for key, kinds in CHOICES.items():
        if key in given and given[key] not in kinds:
            raise UsageError(f"--{key.replace('_', '-')} {given[key]}: expected one of {', '.join(kinds)}.")
    options = ImportOptions(**given)
    for field in fields(options):
        check_range(field.name, getattr(options, field.name))
    return kind.open(root, options), options


CHOICES: dict[str, tuple[str, ...]] = {"sampling": get_args(Sampling), "posters_by": get_args(PosterKey)}
LEAST = {"negatives": 0, "at_most": 1, "seed": 0}
"""Smallest values of options that are numbers."""
MOST = {"negatives": 100, "at_most": 10_000}


def check_range(name: str, value: object) -> None:
    """Refuse a number that no import can work with.

    Raises
    ------
    UsageError
        Naming the option.
    """
    if isinstance(value, int) and name in LEAST:
        least, most = LEAST[name], MOST.get(name)
        if value < least or (most is not None and value > most):
            reach = f"at least {least}" if most is None else f"{least} to {most:,}"
            raise UsageError(f"--{name.replace('_', '-')} {value}: expected {reach}.")
