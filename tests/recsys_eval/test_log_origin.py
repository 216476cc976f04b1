from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs.ingest.importers.rows import AGGREGATED, SAMPLED
from recsys_eval.log_origin import describe_log
from recsys_eval.night import Night

CUT_AND_AFTER = ("2026-03-22", "2026-03-23", "2026-03-29")


@pytest.fixture
def night_of(make_context):
    """Makes a night whose log has these (policy, clicked) on each of three days, of which the first is the cut."""

    def make(*rows, **sections):
        context = make_context(ds=CUT_AND_AFTER[-1], reward={"test_days": 7}, **sections)
        for day in CUT_AND_AFTER:
            table = pa.table(
                {
                    "ds": [day] * len(rows),
                    "ts": pa.array([datetime(2026, 3, 1, tzinfo=UTC)] * len(rows), pa.timestamp("us", "UTC")),
                    "policy": [policy for policy, _ in rows],
                    "clicked": [clicked for _, clicked in rows],
                }
            )
            write_deltalake(context.lake.path("impressions"), table, partition_by=["ds"], mode="append")
        return Night(ctx=context, encoder_id="x", scorer_of=None)

    return make


def test_drawn_rows_are_told_by_their_share(night_of):
    """By hand: of four rows a day one click and three that were drawn beside it."""
    night = night_of((SAMPLED, True), (SAMPLED, False), (SAMPLED, False), (SAMPLED, False), ingest={"source": "files"})
    found = describe_log(night)
    assert (len(found.caveats), found.figures, found.notes) == (1, [], [])
    assert found.caveats[0].startswith("75% of the impressions after the cut were not clicked and drawn by an import")


def test_counts_and_stickers_are_told(night_of):
    chosen = {"ingest": {"source": "files"}, "generation": {"allow_sticker_generator": True}}
    counted, stickers = describe_log(night_of((AGGREGATED, True), (AGGREGATED, False), **chosen)).caveats
    assert counted.startswith("100% of the impressions after the cut are counts")
    assert "painted stickers for a feed that is not its own" in stickers


def test_a_log_of_people_has_no_caveat(night_of):
    assert describe_log(night_of(("ranker", True), ("ranker", False), ingest={"source": "files"})).caveats == []
