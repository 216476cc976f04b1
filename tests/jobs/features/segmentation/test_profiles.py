"""What segments are made of: tastes, exemplars, categories."""

from datetime import date

import numpy as np

from jobs.features.log import read_events
from jobs.features.segmentation import profiles
from jobs.features.windows import day_number
from tests.support.worlds.feature_logs import LAST, cover_id


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
