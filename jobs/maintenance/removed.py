"""What was removed, or would be, as data and in words."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

PARTITIONS = "partitions beyond their days"
SMALL_FILES = "small files joined"
VERSIONS = "old versions"
ORPHANS = "named by nothing"
LOGS = "old logs"
NOTICES = "old notices"
STAY = (PARTITIONS, SMALL_FILES)
"""Files of these leave the table and are old versions from then on; the disk gets their bytes back later."""


@dataclass(frozen=True, kw_only=True)
class Removed:
    """One kind of thing in one place."""

    place: str
    """A table, ``pictures``, ``units``, ``histories``, ``logs`` or ``desk``."""
    why: str
    """One of the constants above."""
    number: int
    """Files, or rows of the desk's database."""
    size: int
    """Bytes."""


def freed(removed: Sequence[Removed]) -> int:
    """Bytes that the disk gets back at once.

    Examples
    --------
    >>> table = {"place": "runs", "number": 2, "size": 100}
    >>> freed([Removed(**table, why=SMALL_FILES), Removed(**table, why=VERSIONS)])
    100
    """
    return sum(each.size for each in removed if each.why not in STAY)


def as_data(removed: Sequence[Removed], *, ds: str, home: str, dry_run: bool) -> dict[str, Any]:
    """What ``coverlift maintain --json`` prints."""
    rows = [asdict(each) for each in removed]
    return {"ds": ds, "home": home, "dry_run": dry_run, "removed": rows, "bytes_freed": freed(removed)}


def show(removed: Sequence[Removed], console: Console, *, dry_run: bool) -> None:
    """A line for each kind and place, and the sum."""
    if not removed:
        console.print("Nothing to do: no small or old file, no picture, log or notice that may go.")
        return
    table = Table("where", "what", "number", "bytes")
    for each in removed:
        table.add_row(each.place, each.why, f"{each.number:,}", f"{each.size:,}")
    console.print(table)
    word = "would be freed" if dry_run else "freed"
    console.print(f"{freed(removed):,} bytes {word}; files that left a table go when their version is old.")
