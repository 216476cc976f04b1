from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from conf.errors import ContractError, TryAgainError
from jobs.ingest import stage
from jobs.ingest.readers import InputFolder
from tests.support.worlds.small_input import DS, png

DAYS = ("2026-03-03", "2026-03-04", DS)


def counts(lake):
    rows = lake.read("impressions", columns=["ds"])["ds"].to_pylist()
    return {day: rows.count(day) for day in set(rows)}


@pytest.fixture
def source(small_input):
    made = small_input("parquet")
    made.write_catalogue()
    for day in DAYS:
        made.write_day([made.impression(number, ds=day) for number in range(12)], day)
    return made


@pytest.fixture
def context_of(make_context, spark_lake):
    def make(ds=DS, **changes):
        return make_context(ds=ds, ingest={"source": "files", **changes})

    return make


def test_nights_one_after_the_other(source, context_of):
    early = context_of("2026-03-04")
    assert stage.run(early).rows == {"impressions": 24, "items": 3, "covers": 4, "quarantine": 0}
    assert counts(early.lake) == {"2026-03-03": 12, "2026-03-04": 12}

    # A changed earlier day is not read again; the night itself is replaced when it runs again.
    source.write_day([source.impression(1, ds="2026-03-03")], "2026-03-03")
    night = context_of()
    assert stage.run(night).rows["impressions"] == 12
    before = {name: night.lake.version(name) for name in ("items", "covers")}
    first = night.lake.read("impressions").sort_by("impression_id")
    stage.run(night)
    assert night.lake.read("impressions").sort_by("impression_id").equals(first)
    assert counts(night.lake) == dict.fromkeys(DAYS, 12)
    assert {name: night.lake.version(name) for name in ("items", "covers")} == before

    # An id of an earlier day in the lake is a duplicate; the earlier row stays.
    repeated = source.impression(50, impression_id="2026-03-03-2")
    source.write_day([*(source.impression(number) for number in range(40)), repeated])
    assert stage.run(night).rows == {"impressions": 40, "items": 3, "covers": 4, "quarantine": 1}
    assert night.lake.read("quarantine")["reasons"].to_pylist() == [["duplicate_impression"]]
    assert counts(night.lake) == {"2026-03-03": 12, "2026-03-04": 12, DS: 40}


def test_catalogue_changes_are_merged(source, context_of):
    context = context_of()
    stage.run(context)
    old = context.lake.read("covers").to_pylist()
    assert {(row["width"], row["height"], row["mime"], row["source"]) for row in old} == {
        (8, 6, "image/png", "original")
    }
    assert all(
        context.images.exists(row["cover_id"]) and row["uri"] == context.images.uri(row["cover_id"]) for row in old
    )

    # A generated cover, which only the lake knows, may be shown the next time.
    painted = old[0] | {"cover_id": "a" * 64, "source": "generated", "is_default": False, "unit_id": "unit"}
    context.lake.merge(pa.Table.from_pylist([painted]), "covers")
    source.write_day([source.impression(1, cover_id="a" * 64, item_id=painted["item_id"])])

    source.items[0]["title"] = "Renamed"
    source.items[1]["labels"] = {"de": "Ding 2", "en": "item 2"}  # the same in another order
    source.items[2]["labels"] = {"en": "third item"}
    fresh = source.cover("i1", data=png("pink"), is_default=True)
    source.covers = [row | {"is_default": False} if row["item_id"] == "i1" else row for row in source.covers] + [fresh]
    source.write_catalogue()
    stage.run(context)
    titles = {row["item_id"]: row["title"] for row in context.lake.read("items").to_pylist()}
    assert titles == {"i1": "Renamed", "i2": "Item, number 2", "i3": "Item, number 3"}
    labels = {row["item_id"]: dict(row["labels"]) for row in context.lake.read("items").to_pylist()}
    assert labels["i1"] == {"en": "item 1", "de": "Ding 1"}
    assert labels["i3"]["en"] == "third item"
    defaults = {row["item_id"]: row["cover_id"] for row in context.lake.read("covers").to_pylist() if row["is_default"]}
    assert defaults == {"i1": fresh["cover_id"], "i2": source.id_of("blue"), "i3": source.id_of("white")}
    assert context.lake.read("impressions").filter(pc.field("cover_id") == painted["cover_id"]).num_rows == 1


def test_too_many_refused_rows_stop_the_night_and_lose_nothing(source, context_of):
    source.write_day([source.impression(number, user_id=None if number < 3 else "u1") for number in range(12)])
    context = context_of(max_quarantine_share=0.05)
    with pytest.raises(ContractError, match=r"impressions: 3 of 36 rows \(8.3%\).*missing_key 3") as raised:
        stage.run(context)
    assert raised.value.exit_code == 3
    assert context.lake.read("quarantine").num_rows == 3
    assert not any(context.lake.exists(name) for name in ("impressions", "items", "covers"))
    # Mended, the night goes through and its quarantine is empty again.
    source.write_day([source.impression(number) for number in range(12)])
    assert stage.run(context).rows == {"impressions": 36, "items": 3, "covers": 4, "quarantine": 0}
    assert context.lake.read("quarantine").num_rows == 0


def test_a_late_log_is_worth_another_try(source, context_of):
    with pytest.raises(TryAgainError, match="2026-03-06") as raised:
        stage.run(context_of("2026-03-06"))
    assert raised.value.exit_code == 75


def test_only_the_window_is_loaded(source):
    folder = InputFolder(str(source.root), {}, "parquet")
    ds = date(2026, 3, 5)
    assert stage.days_to_load(folder, set(), ds, 2) == ["2026-03-04", DS]
    assert stage.days_to_load(folder, {"2026-03-04", DS}, ds, 28) == ["2026-03-03", DS]
    assert stage.days_to_load(folder, {"2026-03-06"}, date(2026, 3, 6), 28) == list(DAYS)
