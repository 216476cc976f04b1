"""Taking a cover down on tables that delta-rs wrote, with what it says where there is nothing to do."""

from datetime import UTC, date, datetime

import pytest
from deltalake import write_deltalake

from conf.errors import NothingToDo, UsageError
from jobs.lake.schema.tables import TABLES
from jobs.publishing.takedown import take_down
from tests.support.worlds.samples import sample

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
WHEN = {"ds": date(2026, 3, 29), "now": NOW, "reason": "shows a brand", "by": "person:ann"}


@pytest.fixture
def painted(new_lake):
    """One cover, painted in two units and published from the 28th on, beside another one."""
    covers = ["a" * 64, "a" * 64, "b" * 64]
    rows = sample("generated_covers", 3, cover_id=covers, unit_id=["u1", "u2", "u3"], ds=["2026-03-29"] * 3)
    write_deltalake(new_lake.path("generated_covers"), rows, partition_by=list(TABLES["generated_covers"].partition_by))
    days = ["2026-03-28", "2026-03-29", "2026-03-29"]
    shown = sample("published_covers", 3, cover_id=covers, item_id=["i1", "i2", "i3"], ds=days)
    new_lake.replace(shown, "published_covers", ds=["2026-03-28", "2026-03-29"])
    return new_lake


def test_it_is_gone_from_that_night_on_in_every_unit_and_once_is_enough(painted):
    assert take_down(painted, "a" * 64, **WHEN) == 1
    left = sorted((row["ds"], row["cover_id"]) for row in painted.read("published_covers").to_pylist())
    assert left == [("2026-03-28", "a" * 64), ("2026-03-29", "b" * 64)]
    decided = painted.read("cover_decisions").to_pylist()
    assert sorted(row["unit_id"] for row in decided) == ["u1", "u2"]
    assert {(row["decision"], row["by"], row["reason"]) for row in decided} == {
        ("takedown", "person:ann", "shows a brand")
    }
    with pytest.raises(NothingToDo, match="was taken down before"):
        take_down(painted, "a" * 64, **WHEN)


def test_a_cover_that_no_night_painted_is_wrong_usage(painted):
    with pytest.raises(UsageError, match=r"No night painted cover .*coverlift inspect published_covers"):
        take_down(painted, "f" * 64, **WHEN)
