"""Users whose rows were taken out of a home: known by the hash of their id, so that a rerun brings nobody back.

``HOME/forgotten.json`` holds no id in clear. A SHA-256 of a short or countable id can still be found by trying all of
them, so that the file is a pseudonym's list and not an anonymous one.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LEDGER = "forgotten.json"


def user_hash(user_id: str) -> str:
    """SHA-256 of an id's UTF-8, lower-case hex.

    Examples
    --------
    >>> user_hash("u7")[:8]
    'e8180000'
    """
    return hashlib.sha256(user_id.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """A user who was taken out, and what was made with their rows before."""

    sha256: str
    """See :func:`user_hash`."""
    at: str
    """When, UTC, ISO 8601."""
    models: list[str]
    """Versions of the reward model that were there."""
    nights: list[str]
    """First and last night whose items' statistics were there, YYYY-MM-DD; empty without any."""


def read_forgotten(home: Path) -> dict[str, Forgotten]:
    """The ledger by hash; empty where nobody was ever taken out."""
    path = home / LEDGER
    if not path.is_file():
        return {}
    return {each["sha256"]: Forgotten(**each) for each in json.loads(path.read_text(encoding="utf-8"))["users"]}


def add_forgotten(home: Path, users: Iterable[Forgotten]) -> None:
    """Add users, in one step; whoever is there already stays as they are."""
    known = read_forgotten(home)
    merged = {each.sha256: each for each in users} | known
    path = home / LEDGER
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    document = {"users": [asdict(merged[name]) for name in sorted(merged)]}
    draft.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def without_forgotten(frame: "DataFrame", hashes: Sequence[str]) -> tuple["DataFrame", int]:
    """Rows of everybody else, and how many rows were left out.

    Parameters
    ----------
    frame
        With ``user_id``; a row without one, such as a malformed one, stays.
    hashes
        See :func:`user_hash`; without any the frame is not looked at.
    """
    from pyspark.sql import functions as F

    if not hashes:
        return frame, 0
    known = frame.sparkSession.createDataFrame([(each,) for each in hashes], "_forgotten string")
    same = F.sha2(F.col("user_id"), 256) == F.col("_forgotten")
    dropped = frame.join(F.broadcast(known), same, "left_semi").count()
    return frame.join(F.broadcast(known), same, "left_anti"), dropped
