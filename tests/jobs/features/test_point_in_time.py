"""The stage on a log of two kinds of users: what later days may not change, and what a rerun may not."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from conf.settings import Settings
from jobs.features import behaviour, stage
from jobs.features.beta import Moments, fit
from jobs.features.log import read_catalogue, read_events
from jobs.features.segmentation import profiles, prototypes
from jobs.features.windows import day_number
from jobs.lake.context import Context
from jobs.lake.lake import Lake
from tests.support.feature_logs import LAST, cover_id, two_tastes

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


@pytest.fixture(scope="module")
def tonight(tmp_path_factory, spark_settings):
    return night(tmp_path_factory.mktemp("tonight"), spark_settings, LAST, {"test_days": 2, "label_days": 1})


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


@pytest.fixture(scope="module")
def later(tmp_path_factory, spark_settings, tonight):
    """The same log two days on, with new users, items and covers: a lake, and rows of tonight's days and two more."""
    lake = Lake(str(tmp_path_factory.mktemp("later")), spark_settings)
    two_tastes("2026-03-31").write(lake)
    days = sorted(tonight.lake.partitions("user_features") | {"2026-03-30", "2026-03-31"})
    return lake, behaviour_rows(lake, days)


def sorted_rows(table, key, ds=None):
    rows = [row for row in table.to_pylist() if ds is None or row["ds"] in ds]
    return sorted(rows, key=lambda row: (row["ds"], row[key]))


@pytest.mark.parametrize("table", KEYS)
def test_later_events_change_no_row_of_an_earlier_day(tonight, later, table):
    days = tonight.lake.partitions(table)
    assert days == {(date.fromisoformat(LAST) - timedelta(days=back)).isoformat() for back in range(4)}
    before = sorted_rows(tonight.lake.read(table), KEYS[table])
    after = sorted_rows(later[1][table], KEYS[table], days)
    assert len(before) > 20 or table == "position_bias"
    assert before == after


def test_later_events_change_no_exemplar_of_an_earlier_day(tonight, later):
    lake, _ = later
    events = read_events(lake, [date(2026, 3, 31)], ["explore-rank"])
    try:
        members = tonight.lake.frame("user_segments", ds=LAST)
        clicks = profiles.segment_clicks(events, members, day_number(date.fromisoformat(LAST))).toPandas()
    finally:
        events.unpersist()
    log = tonight.lake.read("impressions").to_pandas()
    assert clicks["clicks"].sum() == log["clicked"].sum()


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


def test_segments_are_the_two_tastes_and_new(tonight):
    rows = {row["segment_id"]: row for row in tonight.lake.read("segments", ds=LAST).to_pylist()}
    members = tonight.lake.read("user_segments", ds=LAST).to_pandas()
    users = tonight.lake.read("user_features", ds=LAST).to_pandas()
    assert set(rows) == {"s0", "s1", "new"}
    assert members["segment_id"].value_counts().to_dict() == {name: row["size"] for name, row in rows.items()}
    assert rows["s0"]["size"] >= rows["s1"]["size"] >= 10
    silent = set(users.loc[users["clicks_28d"] == 0, "user_id"])
    assert set(members.loc[members["segment_id"] == "new", "user_id"]) == silent
    for name in ("s0", "s1"):
        row = rows[name]
        mine = users.set_index("user_id").loc[members.loc[members["segment_id"] == name, "user_id"]]
        np.testing.assert_allclose(row["pref_style"], np.stack(mine["pref_style"].to_list()).mean(0), atol=1e-6)
        np.testing.assert_allclose(row["pref_embedding"], np.stack(mine["pref_embedding"].to_list()).mean(0), atol=1e-6)
        favourite = int(np.argmax(row["pref_style"][:2]))
        odd = [int(user[4:]) % 2 for user in mine.index]
        assert np.mean(np.array(odd) == favourite) > 0.9
        assert row["top_categories"][0] == ("food", "pets")[favourite]
        nearest = members[members["segment_id"] == name].sort_values(["distance", "user_id"])
        assert row["exemplar_users"] == nearest["user_id"].head(8).tolist()
        in_style = {cover_id(f"{item}-{favourite}"): item for item in range(24)}
        assert len({in_style[cover] for cover in row["exemplar_covers"]}) == len(row["exemplar_covers"]) == 8


def test_exemplar_covers_come_most_clicked_first(tonight):
    members = tonight.lake.read("user_segments", ds=LAST).to_pandas()
    log = tonight.lake.read("impressions").to_pandas().merge(members, on="user_id")
    clicks = log[log["clicked"]].groupby(["segment_id", "cover_id"]).size()
    for row in tonight.lake.read("segments", ds=LAST).to_pylist():
        counts = [clicks[row["segment_id"], cover] for cover in row["exemplar_covers"]]
        assert counts == sorted(counts, reverse=True)


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
