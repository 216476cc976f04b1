"""What a ranker may know about an impression before it is shown, as columns of numbers.

Point in time: an impression of day d sees the feature partitions of day d - 1 and nothing
later. Position is kept apart, for debiasing while training; no column tells it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl
import pyarrow as pa

from jobs.lake.arrays import Flags, Floats, Floats32, Ints, matrix
from jobs.lake.lake import Lake
from jobs.lake.point_in_time import EVENING, on_evening, read_evenings, with_evening
from jobs.lake.schema.columns import EMBED_DIM
from reward_model.network.features import ITEM_COLUMNS, USER_COLUMNS
from reward_model.network.user_state import CoverTable, rows_of

LOGGED_COLUMNS = (
    "ds",
    "request_id",
    "user_id",
    "item_id",
    "cover_id",
    "position",
    "clicked",
    "title",
    "propensity",
    "policy",
)
"""Columns of the log that an evaluation reads."""
BASE_NAMES = (
    *(f"user_{name}" for name in USER_COLUMNS),
    *(f"item_{name}" for name in ITEM_COLUMNS),
    "category_affinity",
    "default_p",
    "default_cos_embedding",
    "default_cos_style",
)
"""Columns of user, item and default cover."""
SHOWN_NAMES = ("shown_p", "shown_cos_embedding", "shown_cos_style", "shown_is_default")
"""Columns of the cover that the feed shows."""
SHOWN_P = len(BASE_NAMES)
"""Place of ``shown_p`` among the columns of an arm: base, shown, assigned."""
FOLDS = 2
"""Halves of the users, by the hash of their id: the ranker of one is trained on the other."""
ASSIGNED_NAMES = ("assigned_p", "assigned_gain", "assigned_cos_embedding", "assigned_cos_style", "assigned_relevance")
"""Columns of the cover generated for the item and the user's segment."""


class Scorer(Protocol):
    """Click probabilities of one day's users, position switched off; ``reward_model.scorer.PersonalScorer``."""

    def click_probability(
        self,
        user_ids: Sequence[str],
        item_ids: Sequence[str],
        embeddings: Floats32,
        styles: Floats32,
    ) -> Floats:
        """(N,) probabilities for (N,) users, items and covers' (N, 128) and (N, 32) vectors."""
        ...


ScorerOfDay = Callable[[date], Scorer]
"""The scorer that knows users up to the end of a day."""


def load_impressions(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """Impressions of some days in the order of requests and positions.

    Returns
    -------
    polars.DataFrame
        One row per impression, columns :data:`LOGGED_COLUMNS`.
    """
    frame = pl.DataFrame(lake.read("impressions", ds=list(days), columns=list(LOGGED_COLUMNS)))
    return frame.sort("ds", "request_id", "position")


def group_codes(frame: pl.DataFrame, *columns: str) -> Ints:
    """Codes 0 .. n-1 of the distinct values of columns, in their sorted order."""
    return frame.select(pl.struct(*columns).rank("dense") - 1).to_series().to_numpy().astype(np.int64)


def cosine_of_rows(left: Floats32, left_row: Ints, right: Floats32, right_row: Ints) -> Floats:
    """Cosine of pairs of rows of two matrices, (n,); 0 where a side is all zeros.

    Parameters
    ----------
    left, right
        (n_left, d) and (n_right, d); each row's length is computed once, however often it is paired.
    left_row, right_row
        (n,) each.

    Examples
    --------
    >>> left, right = np.array([[3, 4], [0, 0]], np.float32), np.array([[1, 0], [3, 4]], np.float32)
    >>> cosine_of_rows(left, np.array([0, 1, 0]), right, np.array([1, 0, 0])).round(6).tolist()
    [1.0, 0.0, 0.6]
    """
    product = np.einsum("nd,nd->n", left[left_row], right[right_row]).astype(np.float64)
    of_left, of_right = (np.linalg.norm(side, axis=1).astype(np.float64) for side in (left, right))
    size = of_left[left_row] * of_right[right_row]
    return np.asarray(np.divide(product, size, out=np.zeros_like(product), where=size > 0), np.float64)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What the columns are computed from, beside the feature partitions."""

    lake: Lake
    covers: CoverTable
    """Vectors of all covers, drawn and painted; row 0 is none."""
    scorer_of: ScorerOfDay

    @cached_property
    def defaults(self) -> pl.DataFrame:
        """One row per item: item_id, category, default_row (number in ``covers``)."""
        items = pl.DataFrame(self.lake.read("items", columns=["item_id", "category"]))
        shown = self.lake.read("covers", columns=["item_id", "cover_id"], filters=[("is_default", "=", True)])
        rows = rows_of(shown["cover_id"], self.covers.ids).astype(np.int64)
        by_item = pl.DataFrame(
            {"item_id": pl.Series(shown["item_id"].to_pylist(), dtype=pl.String), "default_row": rows}
        )
        return items.join(by_item, on="item_id", how="left").with_columns(pl.col("default_row").fill_null(0))

    def cover_rows(self, cover_ids: pl.Series) -> Ints:
        """Rows of cover ids in ``covers``, (n,); 0 where unknown or null."""
        return rows_of(pa.array(cover_ids.to_list(), pa.string()), self.covers.ids).astype(np.int64)


class ImpressionFeatures:
    """Impressions with their base columns; covers' columns are added for any choice of covers.

    Parameters
    ----------
    sources
        Lake, covers and scorer.
    frame
        As :func:`load_impressions` gives it.

    Raises
    ------
    MissingTable
        A feature partition of a day before one of the impressions is missing.
    """

    def __init__(self, sources: Sources, frame: pl.DataFrame) -> None:
        self.sources = sources
        known = frame.join(sources.defaults, on="item_id", how="left", maintain_order="left")
        self.frame = with_evening(known).with_columns(pl.col("default_row").fill_null(0))
        self.feature_days = sorted(self.frame[EVENING].unique().to_list())
        self.clicked: Flags = frame["clicked"].to_numpy()
        self.position: Ints = frame["position"].to_numpy().astype(np.int64)
        self.request: Ints = group_codes(frame, "ds", "request_id")
        self.user: Ints = group_codes(frame, "user_id")
        self.default_row: Ints = self.frame["default_row"].to_numpy().astype(np.int64)
        self.logged_row: Ints = sources.cover_rows(frame["cover_id"])
        self._columns: dict[bytes, Floats] = {}
        self._scores: tuple[Ints, Floats] = (np.zeros(0, np.int64), np.zeros(0))

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def fold(self) -> Ints:
        """(n,) which half of the users each impression's user belongs to."""
        users = self.frame["user_id"].unique()
        halves = [int(hashlib.sha256(f"fold:{user}".encode()).hexdigest(), 16) % FOLDS for user in users.to_list()]
        return self.frame["user_id"].replace_strict(users, pl.Series(halves), return_dtype=pl.Int64).to_numpy()

    @cached_property
    def base(self) -> Floats:
        """(n, len(BASE_NAMES))."""
        tables = (("user_features", "user_id", USER_COLUMNS), ("item_features", "item_id", ITEM_COLUMNS))
        known = [self._joined(table, key, columns) for table, key, columns in tables]
        default = self._cover_columns(self.default_row)
        return np.column_stack([*known, self._affinity(), *default])

    def _joined(self, table: str, key: str, columns: Sequence[str]) -> Floats:
        features = read_evenings(self.sources.lake, table, self.feature_days, [key, *columns])
        joined = on_evening(self.frame, features, key)
        return joined.select(pl.col(*columns).cast(pl.Float64).fill_null(float("nan"))).to_numpy()

    def _affinity(self) -> Floats:
        pairs = pl.concat([_affinity_pairs(batch) for batch in self._affinity_table().to_batches()])
        keys = [EVENING, "user_id", "category"]
        joined = self.frame.select(keys).join(pairs, on=keys, how="left", maintain_order="left")
        return joined["affinity"].fill_null(0.0).to_numpy()

    def _affinity_table(self) -> pa.Table:
        return read_evenings(self.sources.lake, "user_features", self.feature_days, ["user_id", "category_affinity"])

    @cached_property
    def _preferences(self) -> tuple[Floats32, Ints]:
        """Vectors of users x days (the last row is zeros: unknown) and each impression's row."""
        columns = ["user_id", "pref_embedding", "pref_style"]
        table = read_evenings(self.sources.lake, "user_features", self.feature_days, columns)
        vectors = np.zeros((len(table) + 1, self.sources.covers.vectors.shape[1]), np.float32)
        if len(table):
            vectors[:-1, :EMBED_DIM] = matrix(table["pref_embedding"], EMBED_DIM, "user_features.pref_embedding")
            style_dim = vectors.shape[1] - EMBED_DIM
            vectors[:-1, EMBED_DIM:] = matrix(table["pref_style"], style_dim, "user_features.pref_style")
        rows = table.select(["ds", "user_id"]).append_column("row", pa.array(range(len(table)), pa.int64()))
        row = on_evening(self.frame, rows, "user_id")["row"]
        return vectors, row.fill_null(len(table)).to_numpy().astype(np.int64)

    def _cover_columns(self, cover_row: Ints) -> Floats:
        """Click probability and the two cosines with the user's preference, (3, n); NaN without a cover.

        Both rankers and several arms ask for the same covers: each choice is computed once.
        """
        choice = hashlib.sha256(cover_row.tobytes()).digest()
        if choice not in self._columns:
            self._columns[choice] = self._columns_of(cover_row)
        return self._columns[choice]

    def _columns_of(self, cover_row: Ints) -> Floats:
        vectors, user_row = self._preferences
        covers = self.sources.covers.vectors
        shown = np.flatnonzero(cover_row > 0)
        result = np.full((3, len(self)), np.nan)
        user, cover = user_row[shown], cover_row[shown]
        result[0, shown] = self.probability(cover_row)[shown]
        for at, part in enumerate((slice(None, EMBED_DIM), slice(EMBED_DIM, None)), start=1):
            result[at, shown] = cosine_of_rows(vectors[:, part], user, covers[:, part], cover)
        return result

    def probability(self, cover_row: Ints) -> Floats:
        """Reward model's click probability of each impression's user for a cover, (n,); NaN without a cover."""
        self.score([cover_row])
        keys = self._keys(cover_row)
        known = cover_row > 0
        result = np.full(len(self), np.nan)
        result[known] = self._scores[1][np.searchsorted(self._scores[0], keys[known])]
        return result

    def score(self, cover_rows: Sequence[Ints]) -> None:
        """Score several choices of covers at once: a scorer prepares its users once a call.

        Parameters
        ----------
        cover_rows
            Arrays (n,) of rows in the covers; what was scored before is not scored again.
        """
        keys = np.unique(np.concatenate([self._keys(rows)[rows > 0] for rows in cover_rows]))
        todo = np.setdiff1d(keys, self._scores[0], assume_unique=True)
        if not todo.size:
            return
        row, cover = np.divmod(todo, len(self.sources.covers.vectors))
        todo_frame = self.frame[row].select(EVENING, "user_id", "item_id").with_columns(cover=pl.Series(cover))
        unique = todo_frame.unique(maintain_order=True)
        parts = [self._scored(str(day), part) for (day,), part in unique.group_by(EVENING, maintain_order=True)]
        found = todo_frame.join(pl.concat(parts), on=todo_frame.columns, how="left", maintain_order="left")
        scores = np.concatenate([self._scores[1], found["score"].to_numpy()])
        known = np.concatenate([self._scores[0], todo])
        order = np.argsort(known)
        self._scores = (known[order], scores[order])

    def _keys(self, cover_row: Ints) -> Ints:
        """One number per impression x cover."""
        return np.arange(len(self)) * len(self.sources.covers.vectors) + cover_row

    def _scored(self, day: str, part: pl.DataFrame) -> pl.DataFrame:
        picture = self.sources.covers.vectors[part["cover"].to_numpy()]
        scores = self.sources.scorer_of(date.fromisoformat(day)).click_probability(
            part["user_id"].to_list(), part["item_id"].to_list(), picture[:, :EMBED_DIM], picture[:, EMBED_DIM:]
        )
        return part.with_columns(score=pl.Series(scores, dtype=pl.Float64))

    def shown(self, cover_row: Ints) -> Floats:
        """Columns :data:`SHOWN_NAMES` when the feed shows these covers, (n, 4)."""
        return np.column_stack([*self._cover_columns(cover_row), (cover_row == self.default_row).astype(np.float64)])

    def assigned(self, cover_row: Ints, relevance: Floats) -> Floats:
        """Columns :data:`ASSIGNED_NAMES` of generated covers, (n, 5).

        Where there is none, the columns are those of the default cover with gain 0 and relevance 1: what
        the feed would show. A column for "has one" would tell how popular an item was when covers were
        planned, and lift would come from that.
        """
        exists = cover_row > 0
        p, embedding, style = self._cover_columns(np.where(exists, cover_row, self.default_row))
        gain = p - self.base[:, BASE_NAMES.index("default_p")]
        return np.column_stack([p, gain, embedding, style, np.where(exists, relevance, 1.0)])


def _affinity_pairs(batch: pa.RecordBatch) -> pl.DataFrame:
    """One row per user x evening x category: feature_ds, user_id, category, affinity."""
    maps = batch.column("category_affinity")
    offsets = maps.offsets.to_numpy()
    inner = slice(int(offsets[0]), int(offsets[-1]))
    owner = pa.array(np.repeat(np.arange(len(maps)), np.diff(offsets)))
    return pl.DataFrame(
        pa.table(
            {
                EVENING: batch.column("ds").take(owner),
                "user_id": batch.column("user_id").take(owner),
                "category": maps.keys[inner],
                "affinity": maps.items[inner],
            }
        )
    )


def days_between(first: date, last: date) -> list[date]:
    """All days from ``first`` to ``last``, both included.

    Examples
    --------
    >>> [day.day for day in days_between(date(2026, 3, 30), date(2026, 4, 1))]
    [30, 31, 1]
    """
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
