"""A control for the closed loop that learns nothing after its first night.

A method's frozen twin lives the same nights in a home of its own. From the second night on it goes by what the first
night knew of tastes: users' and segments' profiles, who belongs to which segment, and the click model. What it knows
of items goes on as in any night: which are out, how much each is shown and clicked (``item_features``,
``position_bias``), and their covers' vectors. So it plans, paints and publishes for the items of the day, launched
ones as well, from tastes that stand still; the method less its twin, on the same requests, is what learning from
later clicks is worth. Both begin with the same first night, which the twin is given as a copy.

Both functions are stages: they stand in the place of ``features`` and ``train-reward`` (:func:`frozen_stages`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pyarrow as pa

from jobs.features import stage as features_stage
from jobs.lake.context import Context, StageResult
from jobs.stages import Stage
from reward_model import registry
from reward_model import stage as reward_stage

TASTES = ("user_features", "user_history", "user_segments", "segments", "segment_history", "interaction_edges")
"""Tables of a night's partition that say what users and segments like."""
LEARNS_NO_MORE = {
    "features": "recsys_eval.closed_loop.frozen:features",
    "train-reward": "recsys_eval.closed_loop.frozen:reward_model",
}
"""What runs in the place of a stage that learns."""


def frozen_stages(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages of a twin's night."""
    return tuple(replace(stage, function=LEARNS_NO_MORE.get(stage.name, stage.function)) for stage in stages)


def first_night(context: Context) -> date:
    """The night that a twin's tastes are of: that of the world's last day."""
    world = context.settings.world
    return world.start + timedelta(days=world.days - 1)


def features(context: Context) -> StageResult:
    """Compute the night's features; then put the first night's tastes in the place of its own.

    Killed between the two, the stage did not end: it runs again, and what it leaves is the same.
    """
    result, first = features_stage.run(context), first_night(context)
    if context.ds <= first:
        return result
    for table in TASTES:
        if first.isoformat() in context.lake.partitions(table):
            rows = with_day(context.lake.read(table, ds=first), context.ds)
            context.lake.replace(rows, table, ds=context.ds)
    return replace(result, note=f"items as of {context.ds}; tastes and segments stay those of {first}")


def with_day(rows: pa.Table, day: date) -> pa.Table:
    """A partition's rows as another day's."""
    place = rows.schema.get_field_index("ds")
    return rows.set_column(place, rows.schema.field(place), pa.array([day.isoformat()] * len(rows), pa.string()))


def reward_model(context: Context) -> StageResult:
    """Train on the first night; afterwards that night's champion is every night's.

    The night's decision says so by ``frozen_since``.

    Raises
    ------
    UsageError
        The first night has no champion.
    """
    first = first_night(context)
    if context.ds <= first:
        return reward_stage.run(context)
    decision = registry.read_champion(context.home, first)
    kept = {**decision, "ds": context.ds.isoformat(), "frozen_since": first.isoformat()}
    registry.write_champion(context.home, context.ds, kept)
    return StageResult(note=f"champion {decision['version']} of {first} stays")
