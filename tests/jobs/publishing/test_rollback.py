from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from conf.errors import UsageError
from generation.pictures import to_webp
from jobs.lake.schema.covers import GENERATED_COVERS, PUBLISHED_COVERS
from jobs.lake.schema.review import COVER_DECISIONS
from jobs.publishing.rollback import roll_back, standing_rollback
from jobs.publishing.stage import decisions_digest, run
from jobs.publishing.takedown import take_down
from tests.jobs.publishing.test_crops import picture
from tests.jobs.publishing.test_stage import NIGHT, decision
from tests.support.worlds.samples import sample

BEFORE, TONIGHT = date(2026, 3, 28), date(2026, 3, 29)


def at(hour):
    return {"reason": "colours", "by": "ann", "now": datetime(2026, 3, 30, hour, tzinfo=UTC)}


def generated(unit, cover_id, ds, segment):
    told = {"ds": ds, "as_of": ds, "unit_id": unit, "cover_id": cover_id, "segment_id": segment, "item_id": "pizza",
            "purpose": "publish", "selected": True, "score": 1.0, "rewards": [[("nsfw", 0.01)]]}  # fmt: skip
    return sample("generated_covers", 1, **told).to_pylist()[0]


@pytest.fixture
def nights(make_context):
    """Two nights that published a cover each for two segments; the pictures of both."""
    ctx = make_context(ds=NIGHT)
    covers = [ctx.images.put(to_webp(picture((60, place)))) for place in (40, 80, 120, 160)]
    units = [("u1", BEFORE, "s1"), ("u2", BEFORE, "s2"), ("u3", TONIGHT, "s1"), ("u4", TONIGHT, "s2")]
    rows = [
        generated(unit, cover, ds.isoformat(), segment)
        for (unit, ds, segment), cover in zip(units, covers, strict=True)
    ]
    ctx.lake.replace(
        pa.Table.from_pylist(rows, schema=GENERATED_COVERS.schema), "generated_covers", ds=[BEFORE, TONIGHT]
    )
    decided = [decision(row["unit_id"], row["cover_id"], "approve", ds=row["ds"]) for row in rows]
    ctx.lake.merge(pa.Table.from_pylist(decided, schema=COVER_DECISIONS.schema), "cover_decisions")
    for ds in (BEFORE, TONIGHT):
        run(make_context(ds=ds.isoformat(), home=ctx.home))
    return ctx, covers


def shown(ctx, ds=TONIGHT):
    rows = ctx.lake.read("published_covers", ds=ds).to_pylist()
    return {row["segment_id"]: row["cover_id"] for row in rows}


def test_a_night_shows_what_an_earlier_one_had_through_reruns_until_that_is_lifted(nights):
    ctx, (first, second, third, fourth) = nights
    own, watched = {"s1": third, "s2": fourth}, decisions_digest(ctx)
    assert shown(ctx) == own
    roll_back(ctx.lake, TONIGHT, BEFORE, **at(1))
    assert decisions_digest(ctx) != watched
    for _ in range(2):
        result = run(ctx)
        assert result.note == "rolled back: 2 covers of 2026-03-28"
        assert shown(ctx) == shown(ctx, BEFORE) == {"s1": first, "s2": second}
    roll_back(ctx.lake, TONIGHT, None, **at(2))
    assert standing_rollback(ctx.lake, TONIGHT) is None
    assert run(ctx).rows == {"published_covers": 2}
    assert shown(ctx) == own
    assert decisions_digest(ctx) == watched


def test_what_was_taken_down_or_rejected_since_does_not_come_back(nights):
    ctx, (first, second, *_) = nights
    take_down(ctx.lake, first, reason="rude", by="ann", ds=BEFORE, now=datetime(2026, 3, 30, tzinfo=UTC))
    rejected = decision("u2", second, "reject", hour=23)
    ctx.lake.merge(pa.Table.from_pylist([rejected], schema=COVER_DECISIONS.schema), "cover_decisions")
    row = {"ds": "2026-03-28", "item_id": "pizza", "decision_id": "d"}
    there = [
        {**row, "segment_id": segment, "cover_id": cover, "unit_id": unit}
        for segment, cover, unit in (("s1", first, "u1"), ("s2", second, "u2"))
    ]
    ctx.lake.replace(pa.Table.from_pylist(there, schema=PUBLISHED_COVERS.schema), "published_covers", ds=BEFORE)
    roll_back(ctx.lake, TONIGHT, BEFORE, **at(1))
    assert run(ctx).rows == {"published_covers": 0}
    assert shown(ctx) == {}


def test_nights_to_go_back_to_are_checked(nights):
    ctx, _ = nights
    with pytest.raises(UsageError, match="2026-03-29 is no night before 2026-03-29"):
        roll_back(ctx.lake, TONIGHT, TONIGHT, **at(1))
    with pytest.raises(UsageError, match="2026-03-01 published nothing"):
        roll_back(ctx.lake, TONIGHT, date(2026, 3, 1), **at(1))
    with pytest.raises(UsageError, match="nothing to lift"):
        roll_back(ctx.lake, TONIGHT, None, **at(1))
