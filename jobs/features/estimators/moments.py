"""Adding up the moments of keys over a cluster: each task sends a few numbers a day."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple

import pyarrow as pa

from jobs.features.estimators.beta import Moments
from jobs.lake.arrays import Floats, Ints

SCHEMA = pa.schema(
    [
        ("day", pa.int64()),
        ("label", pa.string()),
        ("keys", pa.int64()),
        ("trials", pa.float64()),
        ("trials_squared", pa.float64()),
        ("clicks", pa.float64()),
        ("clicks_squared", pa.float64()),
    ]
)
"""One row per task x day x label."""

Sums = dict[tuple[int, str], Moments]
"""(day number, what was counted) -> moments."""


class MomentSums:
    """Moments by day and label, growing key by key."""

    def __init__(self) -> None:
        self.sums: defaultdict[tuple[int, str], Moments] = defaultdict(Moments)

    def add(self, label: str, days: Ints, clicks: Ints, trials: Ints | Floats) -> None:
        """Add keys counted under ``label``.

        Parameters
        ----------
        label
            What is counted: a window's length, or a name.
        days
            (d,) day numbers.
        clicks, trials
            (n_keys, d) counts; a key without trials on a day does not count there.
        """
        for column, day in enumerate(days.tolist()):
            self.sums[day, label] += Moments.of(clicks[:, column], trials[:, column])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The sums as rows of :data:`SCHEMA`."""
        rows = [(day, label, *astuple(moments)) for (day, label), moments in sorted(self.sums.items())]
        columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMA)
        yield pa.record_batch(
            [pa.array(values, kind.type) for values, kind in zip(columns, SCHEMA, strict=True)], SCHEMA
        )


def total(rows: Iterable[dict[str, object]]) -> Sums:
    """Rows of all tasks added up."""
    sums: defaultdict[tuple[int, str], Moments] = defaultdict(Moments)
    for row in sorted(rows, key=lambda row: tuple(str(value) for value in row.values())):
        values = dict(row)
        day, label = int(str(values.pop("day"))), str(values.pop("label"))
        sums[day, label] += Moments(**values)  # type: ignore[arg-type]
    return dict(sums)
