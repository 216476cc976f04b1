"""Item features: how often an item was clicked, smoothed, and corrected for where it was shown.

The log is first counted by (item, day, position); those counts, with one row that says when the item was
born, come sorted by item, and every feature day is built in one pass over an item's counts.

The debiased rate is clicks over expected examinations (Zhang and Jones 2007, "Comparing click logs and
editorial labels for training query rewriting"), with a beta prior: ``(c + a) / (sum of examination + a + b)``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from jobs.features.chunks import key_offsets, whole_keys
from jobs.features.estimators.beta import BetaPrior
from jobs.features.estimators.moments import MomentSums
from jobs.features.estimators.position import PositionBias, adjacent_sums
from jobs.features.windows import DAY_US, LONGEST, day_text, end_of_day_us, slice_sums, slices
from jobs.lake.arrays import Floats, Ints
from jobs.lake.schema.columns import WINDOWS
from jobs.lake.schema.features import ITEM_FEATURES

Batches = Iterable[pa.RecordBatch]
EXAMINED = "examined"
"""Label of the prior over items whose trials are examinations."""
BIRTH_DAY = -1
"""Day number of the row that carries ``created_us`` instead of counts."""

ADJACENT_SCHEMA = pa.schema(
    [("day", pa.int64()), ("position", pa.int64()), ("top", pa.float64()), ("bottom", pa.float64())]
)
"""One row per task x day x lower position: sums of :func:`jobs.features.estimators.position.adjacent_sums`."""


@dataclass(frozen=True)
class ItemCounts:
    """One item's counts by day and position, sorted by day; arrays (n,)."""

    day: Ints
    position: Ints
    impressions: Ints
    clicks: Ints
    created_us: int | None
    """Microseconds since the epoch; None where the item is not in ``items``."""

    def window(self, days: Ints, width: int) -> tuple[Ints, Ints]:
        """Impressions and clicks, each (d,), in the windows that end with ``days``."""
        low, high = slices(self.day, days, width)
        return slice_sums(self.impressions, low, high), slice_sums(self.clicks, low, high)

    def examinations(self, days: Ints, bias: Sequence[PositionBias]) -> Floats:
        """(d,) expected examinations in the longest window: impressions times examination, summed."""
        low, high = slices(self.day, days, LONGEST)
        return np.array(
            [
                float((self.impressions[first:end] * of_day.of(self.position[first:end])).sum())
                for first, end, of_day in zip(low, high, bias, strict=True)
            ]
        )

    def by_position(self, days: Ints, positions: int) -> tuple[Ints, Ints]:
        """Impressions and clicks, each (d, positions), in the longest window, by position from 1."""
        one_hot = (self.position[:, None] == np.arange(1, positions + 1)[None, :]).astype(np.int64)
        low, high = slices(self.day, days, LONGEST)
        shown = slice_sums(one_hot * self.impressions[:, None], low, high)
        return shown, slice_sums(one_hot * self.clicks[:, None], low, high)


def split_items(chunk: pa.Table) -> Iterator[tuple[pa.StringScalar, ItemCounts]]:
    """Each item's id and counts in a chunk of whole items."""
    names = ("day", "position", "impressions", "clicks", "created_us")
    columns = {name: chunk[name].fill_null(-1).to_numpy().astype(np.int64) for name in names}
    offsets = key_offsets(chunk["item_id"])
    for first, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        born = columns["day"][first] == BIRTH_DAY
        created = int(columns["created_us"][first]) if born else None
        day, position, impressions, clicks = (columns[name][first + born : end] for name in names[:4])
        yield chunk["item_id"][first], ItemCounts(day, position, impressions, clicks, created)


def adjacent_positions(days: Ints, positions: int) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Task that adds up the neighbouring-position sums of items; rows of :data:`ADJACENT_SCHEMA`."""

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        sums = np.zeros((len(days), 2, positions - 1))
        for chunk in whole_keys(batches, "item_id"):
            for _, item in split_items(chunk):
                shown, clicked = item.by_position(days, positions)
                sums += np.stack([adjacent_sums(n, c) for n, c in zip(shown, clicked, strict=True)])
        yield pa.record_batch(
            [
                pa.array(np.repeat(days, positions - 1)),
                pa.array(np.tile(np.arange(1, positions), len(days)).astype(np.int64)),
                pa.array(sums[:, 0].ravel()),
                pa.array(sums[:, 1].ravel()),
            ],
            schema=ADJACENT_SCHEMA,
        )

    return task


def moments_of_items(days: Ints, bias: Sequence[PositionBias]) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Task that adds up the moments of items by day, for each window and for examinations."""

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        sums = MomentSums()
        for chunk in whole_keys(batches, "item_id"):
            items = [item for _, item in split_items(chunk)]
            for width in WINDOWS:
                found = [item.window(days, width) for item in items]
                sums.add(str(width), days, np.stack([c for _, c in found]), np.stack([n for n, _ in found]))
            clicks = np.stack([item.window(days, LONGEST)[1] for item in items])
            sums.add(EXAMINED, days, clicks, np.stack([item.examinations(days, bias) for item in items]))
        yield from sums.batches()

    return task


@dataclass(frozen=True)
class ItemPriors:
    """The priors and position bias of every feature day, (d,) in the order of the days."""

    windows: Mapping[int, Sequence[BetaPrior]]
    examined: Sequence[BetaPrior]
    bias: Sequence[PositionBias]


def rows_of_item(item: ItemCounts, days: Ints, priors: ItemPriors) -> dict[str, list[object]]:
    """Columns of the item's rows: one for each feature day by whose end the item exists.

    An item exists once it is created or, where ``items`` dates it later than the log does, once it is shown.
    """
    shown, clicked = item.window(days, LONGEST)
    born = np.zeros(len(days), dtype=bool) if item.created_us is None else item.created_us < end_of_day_us(days)
    here = np.flatnonzero(born | (shown > 0))
    created = end_of_day_us(days) if item.created_us is None else item.created_us
    age = np.maximum((end_of_day_us(days) - created) / DAY_US, 0.0)
    examined = item.examinations(days, priors.bias)
    rows: dict[str, list[object]] = {"ds": [day_text(day) for day in days[here].tolist()]}
    for width in WINDOWS:
        n, c = item.window(days, width)
        rates = [priors.windows[width][place].smooth(c[place], n[place]).item() for place in here]
        rows |= {
            f"impressions_{width}d": n[here].tolist(),
            f"clicks_{width}d": c[here].tolist(),
            f"ctr_{width}d": rates,
        }
    rows["ctr_debiased"] = [priors.examined[place].smooth(clicked[place], examined[place]).item() for place in here]
    rows["age_days"] = age[here].tolist()
    return rows


def item_features(days: Ints, priors: ItemPriors) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Task that turns counts into rows of ``item_features``."""

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        for chunk in whole_keys(batches, "item_id"):
            columns: dict[str, list[object]] = {name: [] for name in ITEM_FEATURES.schema.names}
            for item_id, item in split_items(chunk):
                rows = rows_of_item(item, days, priors)
                columns["item_id"].extend([item_id] * len(rows["ds"]))
                for name, values in rows.items():
                    columns[name].extend(values)
            arrays = [pa.array(columns[field.name], field.type) for field in ITEM_FEATURES.schema]
            yield pa.record_batch(arrays, ITEM_FEATURES.schema.names)

    return task
