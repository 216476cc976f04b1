"""What tests of the features stage share: the small log's days, and reading rows."""

from datetime import date

import numpy as np

from conf.settings import Settings
from jobs.features import behaviour, stage
from jobs.features.log import read_catalogue, read_events
from jobs.features.windows import day_number
from jobs.lake.context import Context
from tests.support.worlds.feature_logs import two_tastes

DAYS = ["2026-03-27", "2026-03-28", "2026-03-29"]


REWARD = {"test_days": 1, "label_days": 1}


def padded(head, size):
    return [*head, *[0.0] * (size - len(head))]


def rows(ctx, table, key):
    found = ctx.lake.read(table).to_pylist()
    return {(row["ds"][-2:], row[key]): row for row in found}


KEYS = {
    "user_features": "user_id",
    "user_history": "user_id",
    "item_features": "item_id",
    "position_bias": "position",
}


FEATURES = {"segment_candidates": [2], "segment_min_size": 10, "history_length": 7, "segment_history": True}


def night(home, spark_settings, until, reward):
    sections = {"spark": spark_settings.model_dump(), "features": FEATURES, "reward": reward}
    ctx = Context(ds=date.fromisoformat(until), home=home, settings=Settings.model_validate(sections))
    two_tastes(until).write(ctx.lake)
    ctx.result = stage.run(ctx)
    return ctx


def day_numbers(*days):
    return np.array([day_number(date.fromisoformat(day)) for day in days])


def behaviour_rows(lake, days):
    """Rows of the four behaviour tables of ``days``, computed from a lake's log and not written."""
    catalogue = read_catalogue(lake, None)
    events = read_events(lake, [date.fromisoformat(day) for day in days], ["explore-rank"])
    numbers = day_numbers(*days)
    counts = behaviour.item_counts(events, lake.frame("items"))
    try:
        users = behaviour.user_tables(events, numbers, FEATURES["history_length"], lambda: catalogue)
        biases = behaviour.position_biases(counts, numbers)
        return {
            "user_features": users.features.toArrow(),
            "user_history": users.history.toArrow(),
            "item_features": behaviour.item_table(counts, numbers, biases).toArrow(),
            "position_bias": behaviour.position_table(numbers, biases),
            "partitions": events.rdd.getNumPartitions(),
        }
    finally:
        counts.unpersist()
        events.unpersist()


def sorted_rows(table, key, ds=None):
    rows = [row for row in table.to_pylist() if ds is None or row["ds"] in ds]
    return sorted(rows, key=lambda row: (row["ds"], row[key]))
