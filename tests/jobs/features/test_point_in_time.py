"""The stage on a log of two kinds of users: what later days may not change, and what a rerun may not."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from conf.settings import Settings
from jobs.features import stage
from jobs.features.estimators.beta import Moments, fit
from jobs.features.log import read_catalogue, read_events
from jobs.features.segmentation import prototypes
from jobs.features.windows import day_number
from tests.support.worlds.feature_logs import LAST
from tests.support.worlds.feature_nights import (
    KEYS,
    behaviour_rows,
    sorted_rows,
)


@pytest.mark.parametrize("table", KEYS)
def test_later_events_change_no_row_of_an_earlier_day(tonight, later, table):
    days = tonight.lake.partitions(table)
    assert days == {(date.fromisoformat(LAST) - timedelta(days=back)).isoformat() for back in range(4)}
    before = sorted_rows(tonight.lake.read(table), KEYS[table])
    after = sorted_rows(later[1][table], KEYS[table], days)
    assert len(before) > 20 or table == "position_bias"
    assert before == after


def prototype_rows(events, members, catalogue, bias):
    found = prototypes.segment_history(
        events, members, day_number(date.fromisoformat(LAST)), bias, lambda: catalogue, Settings().features.seed
    )
    return prototypes.history_table(LAST, found).to_pylist()


def test_later_events_change_no_prototype_of_an_earlier_day(tonight, later):
    before = tonight.lake.read("segment_history", ds=LAST).sort_by(
        [("segment_id", "ascending"), ("place", "ascending")]
    )
    bias = tonight.lake.read("position_bias", ds=LAST).sort_by("position")["examination"].to_numpy()
    events = read_events(later[0], [date(2026, 3, 31)], ["explore-rank"])
    try:
        after = prototype_rows(
            events, tonight.lake.frame("user_segments", ds=LAST), read_catalogue(tonight.lake, None), bias
        )
    finally:
        events.unpersist()
    assert before.to_pylist() == after


def test_prototypes_are_what_a_segment_clicked_and_stand_for_five_users_or_more(tonight):
    rows = tonight.lake.read("segment_history", ds=LAST).to_pandas()
    taste = {
        row["segment_id"]: int(np.argmax(row["pref_style"][:2]))
        for row in tonight.lake.read("segments", ds=LAST).to_pylist()
    }
    assert set(rows["segment_id"]) == {"s0", "s1", "new"}
    assert (rows["users"] >= 5).all()
    assert not rows.loc[rows["segment_id"] == "new", "clicked"].any()  # they never click
    for name in ("s0", "s1"):
        mine = rows[rows["segment_id"] == name].sort_values("place")
        clicked = mine[mine["clicked"]]
        assert mine["clicked"].tolist() == sorted(mine["clicked"], reverse=True)
        assert len(clicked) <= prototypes.CLICKED
        assert len(mine) - len(clicked) <= prototypes.SKIPPED
        np.testing.assert_allclose(clicked["weight"].sum(), 1)
        styles = np.stack(clicked["vector"].to_list())[:, 128:130].argmax(axis=1)
        assert clicked["weight"].to_numpy()[styles == taste[name]].sum() > 0.7


def test_later_items_have_no_earlier_rows(later):
    late = [row for row in later[1]["item_features"].to_pylist() if row["item_id"] == "late31"]
    assert [row["ds"] for row in late] == ["2026-03-31"]


def test_counts_and_rates_equal_a_recomputation_in_pandas(tonight):
    log = tonight.lake.read("impressions").to_pandas()
    for day in ("2026-03-27", LAST):
        found = tonight.lake.read("user_features", ds=day).to_pandas().set_index("user_id").sort_index()
        for width in (1, 7, 28):
            first = (date.fromisoformat(day) - timedelta(days=width - 1)).isoformat()
            part = log[(log["ds"] >= first) & (log["ds"] <= day)].groupby("user_id")["clicked"]
            expected = pd.DataFrame({"n": part.size(), "c": part.sum()}).reindex(found.index, fill_value=0)
            assert (found[f"impressions_{width}d"] == expected["n"]).all()
            assert (found[f"clicks_{width}d"] == expected["c"]).all()
            prior = fit(Moments.of(expected["c"].to_numpy(), expected["n"].to_numpy()))
            np.testing.assert_allclose(found[f"ctr_{width}d"], prior.smooth(expected["c"], expected["n"]))


def test_preference_and_history_equal_a_recomputation_in_pandas(tonight):
    log = tonight.lake.read("impressions").to_pandas()
    covers = tonight.lake.read("cover_features").to_pandas().set_index("cover_id")
    users = tonight.lake.read("user_features", ds=LAST).to_pandas().set_index("user_id")
    history = tonight.lake.read("user_history", ds=LAST).to_pandas().set_index("user_id")
    for user in ("user000", "user007"):
        events = log[log["user_id"] == user].sort_values(["ts", "position"])
        style = np.stack(covers["style"].loc[events["cover_id"]].to_list())
        clicked = events["clicked"].to_numpy()
        expected = style[clicked].sum(0) / (clicked.sum() + 5) - style[~clicked].sum(0) / ((~clicked).sum() + 5)
        np.testing.assert_allclose(users.loc[user, "pref_style"], expected, atol=1e-6)
        last = events.iloc[::-1].head(7)
        assert [event["cover_id"] for event in history.loc[user, "events"]] == last["cover_id"].tolist()
        assert [event["clicked"] for event in history.loc[user, "events"]] == last["clicked"].tolist()


def test_users_who_never_click_have_no_recency(tonight):
    users = tonight.lake.read("user_features", ds=LAST).to_pandas().set_index("user_id")
    never = users["clicks_28d"] == 0
    assert never.sum() >= 12
    assert (users["recency_hours"].isna() == never).all()


def test_running_again_leaves_the_same_rows(tonight):
    tables = {**KEYS, "segments": "segment_id", "user_segments": "user_id"}
    before = {table: sorted_rows(tonight.lake.read(table), key) for table, key in tables.items()}
    again = stage.run(tonight)
    assert again.rows["user_features"] == 120
    assert {table: sorted_rows(tonight.lake.read(table), key) for table, key in tables.items()} == before


def test_the_partitioning_of_the_log_changes_nothing(tonight):
    days = sorted(tonight.lake.partitions("user_features"))
    usual = tonight.spark.conf.get("spark.sql.shuffle.partitions")
    assert usual != "4"
    tonight.spark.conf.set("spark.sql.adaptive.enabled", "false")
    tonight.spark.conf.set("spark.sql.shuffle.partitions", "4")
    try:
        found = behaviour_rows(tonight.lake, days)
    finally:
        tonight.spark.conf.set("spark.sql.shuffle.partitions", usual)
        tonight.spark.conf.unset("spark.sql.adaptive.enabled")
    assert found["partitions"] == 4
    for table, key in KEYS.items():
        assert sorted_rows(found[table], key) == sorted_rows(tonight.lake.read(table), key)


def test_a_day_half_written_is_built_again(tonight):
    rows = tonight.lake.read("item_features", ds="2026-03-27")
    tonight.lake.replace(pa.Table.from_pylist([], schema=rows.schema), "item_features", ds="2026-03-27")
    assert date(2026, 3, 27) in stage.feature_days(tonight)
    tonight.lake.replace(rows, "item_features", ds="2026-03-27")
    assert date(2026, 3, 27) not in stage.feature_days(tonight)
