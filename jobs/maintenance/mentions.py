"""Where the lake names users: columns by the schema, and which of their values name whom."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.lake.audiences import user_audience
from jobs.lake.lake import Lake
from jobs.lake.schema.spec import TableSpec
from jobs.maintenance.tables import TableFiles

AUDIENCES = ("segment_id", "audience")
"""Columns that hold a segment, or ``user:`` and an id."""


class Kind(StrEnum):
    """How a column names users."""

    USER = "user"
    USERS = "users"
    """A list of ids: the row stays, without the user."""
    AUDIENCE = "audience"
    INPUT = "input"
    """A refused input row."""


def user_columns(spec: TableSpec) -> dict[str, Kind]:
    """The columns of a table that may name a user.

    Examples
    --------
    >>> from jobs.lake.schema.tables import TABLES
    >>> {name: str(kind) for name, kind in user_columns(TABLES["segments"]).items()}
    {'segment_id': 'audience', 'exemplar_users': 'users'}
    """
    found = {column.name: _kind(column.name, column.type) for column in spec.columns}
    if spec.name == "quarantine":
        found["row"] = Kind.INPUT
    return {name: kind for name, kind in found.items() if kind is not None}


def _kind(name: str, kind: pa.DataType) -> Kind | None:
    if pa.types.is_list(kind):
        is_users = pa.types.is_string(kind.value_type) and name.endswith(("users", "user_ids"))
        return Kind.USERS if is_users else None
    if not pa.types.is_string(kind):
        return None
    if name.endswith("user_id"):
        return Kind.USER
    return Kind.AUDIENCE if name in AUDIENCES else None


@dataclass(kw_only=True)
class Mentions:
    """Where one table names the users, in its newest version and on its disk."""

    table: str
    rows: int = 0
    """Rows of the newest version that name them."""
    days: set[str] = field(default_factory=set)
    """Of these rows; empty where the table has no days."""
    inputs: set[str] = field(default_factory=set)
    """Refused rows that name them, as they stand in ``row``."""
    users: set[str] = field(default_factory=set)
    """Who was found, on the disk too."""
    files: int = 0
    """Files on the disk that name them, of whatever version."""


def find(lake: Lake, spec: TableSpec, users: Sequence[str]) -> Mentions:
    """Look for users through a table that exists, and through every Parquet file that lies in its folder."""
    kinds, found = user_columns(spec), Mentions(table=spec.name)
    days = ["ds"] if "ds" in spec.partition_by else []
    for batch in lake.dataset(spec.name).to_batches(columns=[*kinds, *days]):
        rows = _naming(batch, kinds, users, found)
        found.rows += rows.num_rows
        found.days |= set(pc.unique(rows["ds"]).to_pylist()) if days and rows.num_rows else set()
    files = TableFiles(lake, spec.name)
    for name in files.sizes():
        with files.filesystem.open(f"{files.root}/{name}", "rb") as stream, pq.ParquetFile(stream) as file:
            there = [column for column in kinds if column in file.schema_arrow.names]
            batches = file.iter_batches(columns=there) if there else ()
            named = [_naming(batch, kinds, users, found).num_rows for batch in batches]
            found.files += any(named)
    return found


def _naming(batch: pa.RecordBatch, kinds: dict[str, Kind], users: Sequence[str], found: Mentions) -> pa.RecordBatch:
    """The rows that name one of the users; who they are, and their refused rows, are noted."""
    wanted: set[int] = set()
    for name, kind in kinds.items():
        if name not in batch.schema.names:
            continue
        for place, user, text in _hits(batch[name], kind, users):
            wanted.add(place)
            found.users.add(user)
            if kind is Kind.INPUT:
                found.inputs.add(text)
    return batch.take(pa.array(sorted(wanted), pa.int64()))


def _hits(array: pa.Array, kind: Kind, users: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Row, user and text of each value that names one of them."""
    if kind is Kind.USERS:
        parents, values = pc.list_parent_indices(array), pc.list_flatten(array)
        for place, user, text in _hits(values, Kind.USER, users):
            yield parents[place].as_py(), user, text
    elif kind is Kind.INPUT:
        for user in users:
            for place in pc.indices_nonzero(pc.match_substring(array, user)).to_pylist():
                text = array[place].as_py()
                if names_user(text, user):
                    yield place, user, text
    else:
        told = {user_audience(user) if kind is Kind.AUDIENCE else user: user for user in users}
        for place in pc.indices_nonzero(pc.is_in(array, pa.array(sorted(told), array.type))).to_pylist():
            yield place, told[array[place].as_py()], array[place].as_py()


def names_user(row: str, user: str) -> bool:
    """Whether a refused input row is the user's: by its ``user_id``, or anywhere as a word where it has none to read.

    Examples
    --------
    >>> names_user('{"user_id": 7, "position": 3}', "3"), names_user('{"user_id": 7}', "7")
    (False, True)
    >>> names_user("i1,u7,broken", "u7"), names_user("i1,u77,broken", "u7")
    (True, False)
    """
    try:
        content = json.loads(row)
    except ValueError:
        content = None
    if isinstance(content, dict) and content.get("user_id") is not None:
        return str(content["user_id"]) == user
    return re.search(rf"(?<!\w){re.escape(user)}(?!\w)", row) is not None
