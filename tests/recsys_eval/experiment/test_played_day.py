"""A/B and off-policy values on the known world, whose effects are set by hand."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from recsys_eval.experiment.played_day import measure_experiment, titled_pairs
from recsys_eval.ranking.compare import treated_rows
from tests.support.worlds.known_world import DS
from tests.support.worlds.samples import DAY, sample


@pytest.fixture(scope="module")
def telling(telling_night):
    return measure_experiment(telling_night)


def value(findings, name):
    found = [figure for figure in findings.figures if figure.name == name]
    assert len(found) == 1, name
    return found[0]


def test_published_covers_that_are_liked_win(telling, telling_night):
    lift = value(telling, "ab.published_pairs.lift")
    assert lift.low > 0
    play, world = telling_night.play, telling_night.scorer_of(DS).world
    item = np.array([int(name[1:]) for name in play.frame["item_id"]])
    treated, pairs = treated_rows(play), world.published[item]
    rates = [play.clicked[pairs & side].mean() for side in (treated, ~treated)]
    assert lift.value == pytest.approx(rates[0] / rates[1] - 1)
    assert lift.n == np.unique(play.user[pairs]).size
    # diluted by items without a cover
    assert 0 < value(telling, "ab.all.lift").value < lift.value


def test_the_true_effect_is_inside(telling, telling_night):
    """On published pairs the treated always see the liked look, the others do as their default has it."""
    play, world = telling_night.play, telling_night.scorer_of(DS).world
    true = {True: [], False: []}
    for row, side in zip(play.frame.iter_rows(named=True), treated_rows(play), strict=True):
        item, user = int(row["item_id"][1:]), int(row["user_id"][1:])
        if world.published[item]:
            look = world.vectors[row["cover_id"]][1]
            true[bool(side)].append(world.chance(user, item, look, row["position"]))
    expected = np.mean(true[True]) / np.mean(true[False]) - 1
    lift = value(telling, "ab.published_pairs.lift")
    assert lift.low < expected < lift.high


def test_off_policy_agrees_with_the_experiment(telling):
    treated = value(telling, "ab.published_pairs.treated")
    for name in ("ips", "snips", "dr"):
        found = value(telling, f"ope.published_to_all.{name}")
        assert found.low < treated.value < found.high, name
    assert value(telling, "ope.published_to_all.snips").value == pytest.approx(treated.value)


def test_no_effect_where_covers_do_not_matter(idle_night):
    lift = value(measure_experiment(idle_night), "ab.published_pairs.lift")
    assert lift.low < 0 < lift.high


def test_rows_carry_intervals_and_users(telling):
    rows = {(row["metric"], row["arm"], row["slice"]): row for row in telling.rows}
    row = rows["ctr", "published", "A/B: published pairs"]
    assert row["ranker"] == "none"
    assert row["low"] < row["lift"] < row["high"]
    assert row["users"] > 200
    assert rows["ctr", "original", "A/B: published pairs"]["lift"] is None
    assert ("ctr by dr", "published to all", "off-policy: 2026-03-09, published pairs") in rows
    assert ("ctr", "published", "A/B: published pairs, new items") in rows


def test_without_a_played_day(unplayed_night):
    findings = measure_experiment(unplayed_night)
    assert findings.rows == []
    assert findings.notes == ["the log has no 2026-03-09: there is no A/B of published covers"]


def test_a_title_is_published_for_a_users_group_and_an_item(new_lake):
    night = SimpleNamespace(ctx=SimpleNamespace(ds=date.fromisoformat(DAY)), lake=new_lake)
    frame = pl.DataFrame({"user_id": ["u", "v", "w", "u"], "item_id": ["a", "a", "a", "b"]})
    impressions = SimpleNamespace(frame=frame, user=np.arange(4))
    assert titled_pairs(night, impressions).tolist() == [False] * 4
    titles = sample("published_titles", 2, item_id=["a", "b"], group_id=["en:0", "de:0"], text_hash="b" * 64)
    new_lake.replace(titles, "published_titles", ds=DAY)
    groups = sample("user_word_groups", 2, user_id=["u", "v"], group_id=["en:0", "de:0"])
    new_lake.replace(groups, "user_word_groups", ds=DAY)
    assert titled_pairs(night, impressions).tolist() == [True, False, False, False]
