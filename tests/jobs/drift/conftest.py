"""A log of fifteen days by hand, the last of which a test may spoil; nights before it, with segments and plans."""

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs.lake.schema.tables import TABLES
from tests.support.worlds.samples import sample

TONIGHT = date(2026, 3, 29)
BEFORE = tuple((TONIGHT - timedelta(days=days)).isoformat() for days in range(14, 0, -1))
ROWS, PAGE = 2000, 10


def write(ctx, table, rows):
    place, spec = ctx.lake.path(table), TABLES[table]
    write_deltalake(place, rows.cast(spec.schema), partition_by=list(spec.partition_by) or None, mode="append")


def day_of_log(ds, *, rows=ROWS, clicked=0.05, top=PAGE, propensity=0.5, explored=0.2, hours=range(24)):
    """The impressions of a day: how many, share clicked, pages of so many places, and who chose."""
    chance = np.random.default_rng(int(ds.replace("-", "")))
    page = np.arange(rows) // PAGE
    hour = chance.choice(list(hours), page.max() + 1)[page]
    policy = np.where(chance.random(page.max() + 1) < explored, "explore-rank", "logging")[page]
    start = datetime.fromisoformat(f"{ds}T00:00:00+00:00")
    return sample("impressions").slice(0, 0).schema.empty_table() if not rows else pa.table(
        {
            "ds": [ds] * rows,
            "impression_id": [f"{ds}-{row}" for row in range(rows)],
            "request_id": [f"{ds}-{number}" for number in page],
            "ts": [start + timedelta(hours=int(each)) for each in hour],
            "user_id": ["u"] * rows,
            "item_id": ["i"] * rows,
            "cover_id": ["c"] * rows,
            "position": np.arange(rows) % top + 1,
            "clicked": chance.random(rows) < clicked,
            "title": pa.nulls(rows, pa.string()),
            "dwell_ms": pa.nulls(rows, pa.int64()),
            "propensity": np.clip(chance.normal(propensity, 0.05, rows), 0.01, 1.0),
            "policy": policy,
        }
    )  # fmt: skip


def segments_of(ds, sizes, turned=0.0):
    """Segments whose centroids are axes, turned towards the next axis by so many degrees."""
    rows = []
    for place, size in enumerate(sizes):
        centroid = np.zeros(128)
        centroid[place], centroid[place + 1] = np.cos(np.radians(turned)), np.sin(np.radians(turned))
        rows.append(
            sample(
                "segments", ds=ds, segment_id=f"{ds}-{place}", size=size, pref_embedding=centroid.tolist(),
                pref_style=[0.0] * 32,
            )
        )  # fmt: skip
    return pa.concat_tables(rows)


def plan_of(ds, gains):
    units = [f"{ds}-{number}" for number in range(len(gains))]
    return sample("generation_plan", len(gains), ds=ds, unit_id=units, expected_gain=list(gains))


def gains_of(ds, size=100, scale=1.0):
    return np.random.default_rng(int(ds.replace("-", "")) + 1).exponential(scale, size)


@pytest.fixture
def context(make_context):
    return make_context(ds=TONIGHT.isoformat())


@pytest.fixture
def spoilt(context):
    """``spoilt(clicked=0)`` writes fourteen days as usual and tonight with what is told; returns the context."""

    def make(**tonight):
        days = [day_of_log(ds) for ds in BEFORE]
        write(context, "impressions", pa.concat_tables([*days, day_of_log(TONIGHT.isoformat(), **tonight)]))
        write(context, "segments", segments_of(TONIGHT.isoformat(), (60, 40)))
        write(context, "generation_plan", plan_of(TONIGHT.isoformat(), [0.5]))
        return context

    return make


@pytest.fixture
def nights(context):
    """``nights(sizes=(60, 40), turned=30, gains=...)``: fourteen nights alike, and tonight with what is told."""

    def make(*, sizes=(60, 40), turned=8.11, gains=None):
        lately, tonight = range(len(BEFORE)), TONIGHT.isoformat()
        figures = {"segments": 2.0, "largest_segment_share": 0.6, "without_profile_share": 0.0, "planned_units": 100.0}
        kept = [
            {"ds": ds, "figure": figure, "value": value, "nights": 0, "verdict": None}
            for ds, number in zip(BEFORE, lately, strict=True)
            for figure, value in {
                **figures, "centroid_movement": 0.01 + 0.001 * (number % 3), "planned_gain": float(gains_of(ds).mean())
            }.items()
        ]  # fmt: skip
        write(context, "drift", pa.Table.from_pylist(kept, schema=TABLES["drift"].schema))
        write(context, "impressions", day_of_log(tonight))
        write(context, "segments", segments_of(BEFORE[-1], (60, 40)))
        write(context, "segments", segments_of(tonight, sizes, turned))
        plans = [plan_of(ds, gains_of(ds)) for ds in BEFORE]
        told = gains_of(tonight) if gains is None else gains
        write(context, "generation_plan", pa.concat_tables([*plans, plan_of(tonight, told)]))
        return context

    return make
