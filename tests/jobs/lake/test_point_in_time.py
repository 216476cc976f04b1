"""An impression of day d sees the features of d - 1, every row of them or an error."""

from datetime import date

import polars as pl
import pytest

from conf.errors import MissingTable
from jobs.lake.point_in_time import EVENING, evening_before, on_evening, read_evenings, with_evening
from tests.support.worlds.toy_world import build


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return build(tmp_path_factory.mktemp("toy"))


def test_the_evening_before_crosses_months():
    days = ["2026-03-01", "2026-03-02", "2026-03-02"]
    assert with_evening(pl.DataFrame({"ds": days}))[EVENING].to_list() == ["2026-02-28", "2026-03-01", "2026-03-01"]
    assert evening_before(date(2026, 3, 1)) == date(2026, 2, 28)


def test_an_impression_gets_the_evening_before_and_no_other(toy):
    first, second = toy.days[1], toy.days[2]
    features = read_evenings(
        toy.lake, "user_features", [evening_before(first), evening_before(second)], ["user_id", "impressions_28d"]
    )
    user = features["user_id"][0].as_py()
    log = pl.DataFrame({"ds": [second.isoformat(), first.isoformat(), first.isoformat()], "user_id": [user, user, "?"]})
    found = on_evening(with_evening(log), features, "user_id")["impressions_28d"].to_list()

    def known(day):
        table = toy.lake.read("user_features", ds=evening_before(day), columns=["user_id", "impressions_28d"])
        return dict(zip(*table.to_pydict().values(), strict=True))[user]

    assert found == [known(second), known(first), None]
    assert known(second) > known(first)


def test_an_evening_without_rows_is_named(toy):
    evenings = [evening_before(toy.days[1]), evening_before(toy.days[0])]
    with pytest.raises(MissingTable, match=r"user_features has no rows for ds=2026-03-01: run `coverlift features"):
        read_evenings(toy.lake, "user_features", evenings, ["user_id"])
