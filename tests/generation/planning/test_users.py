"""Single users over the small lake: each likes the style axis that their preference points along."""

import shutil

import numpy as np
import pytest

from conf.settings import GenerationSettings
from generation.planning.stage import planned, summary
from generation.planning.users import Asked, HeavyUsers, user_pairs
from jobs.lake.audiences import audience_user
from jobs.lake.schema.features import USER_FEATURES, USER_SEGMENTS
from tests.support.worlds import tiny

USERS = {"heavy": ("s0", 400, 40, 1), "less": ("s0", 300, 30, 0), "alike": ("s1", 200, 20, 1), "few": ("s0", 900, 3, 1)}
"""Segment, impressions, clicks and the axis they like."""
FINGERPRINTS = {"profile": "g1", "icg": "g1+icg"}


class KnowsUsers(tiny.KnownScorer):
    """A user's probability is 0.1, plus 0.2 for the style that they like."""

    def segment_click_probability(self, segment_ids, item_ids, embeddings, styles, max_users=32):
        users = [audience_user(name) for name in segment_ids]
        known = [name if user is None else "all" for name, user in zip(segment_ids, users, strict=True)]
        found = super().segment_click_probability(known, item_ids, embeddings, styles, max_users)
        for row, user in enumerate(users):
            if user is not None:
                found[row] = 0.1 + 0.2 * float(styles[row][USERS[user][3]])
        return found


@pytest.fixture
def night(make_context, tiny_home, reward_model, monkeypatch, tmp_path):
    monkeypatch.setattr("generation.planning.stage.PersonalScorer", KnowsUsers)

    def make(**generation):
        if not (tmp_path / "home").exists():
            shutil.copytree(tiny_home, tmp_path / "home")
        ctx = make_context(ds=tiny.DS, home=tmp_path / "home", generation={"evaluation_items": 0, **generation})
        if not ctx.lake.exists("user_segments") or not ctx.lake.read("user_segments", ds=tiny.DS).num_rows:
            counts = {f"{what}_{days}d": 0 for what in ("impressions", "clicks", "ctr") for days in (1, 7, 28)}
            rows = [
                {
                    "ds": tiny.DS, "user_id": user, **counts, "impressions_28d": shown, "clicks_28d": clicks,
                    "recency_hours": 1.0, "category_affinity": [], "pref_embedding": tiny.axis(128),
                    "pref_style": tiny.axis(32, likes, 0.3),
                }
                for user, (_, shown, clicks, likes) in USERS.items()
            ]  # fmt: skip
            tiny.write(ctx, rows, USER_FEATURES)
            members = [
                {"ds": tiny.DS, "user_id": user, "segment_id": told[0], "distance": 0.1} for user, told in USERS.items()
            ]
            tiny.write(ctx, members, USER_SEGMENTS)
        return ctx

    return make


def alone(plan):
    return [(row["item_id"], row["segment_id"]) for row in plan.to_pylist() if row["segment_id"].startswith("user:")]


def test_the_heaviest_users_with_enough_clicks_are_asked_about(night):
    ctx = night(user_count=2, user_min_clicks=10)
    heavy = HeavyUsers.read(ctx.lake, ctx.ds, ctx.settings.generation)
    assert [each.segment_id for each in heavy.profiles] == ["user:heavy", "user:less"]
    assert heavy.segment == ("s0", "s0")
    np.testing.assert_allclose(heavy.share, [400 / 1800, 300 / 1800])
    assert heavy.profiles[0].pref_style[1] == np.float32(0.3)


def test_a_cover_of_their_own_goes_to_whoever_is_shown_what_they_do_not_like(night):
    """``heavy`` likes twemoji and would be shown noto; ``less`` likes noto; ``alike`` gets it with their segment."""
    plan = planned(night(level="user"), FINGERPRINTS)
    items = [*sorted(tiny.LAUNCHING, reverse=True), *tiny.KNOWN]
    assert {item for item, _ in alone(plan)} == set(items)
    assert {segment for _, segment in alone(plan)} == {"user:heavy"}
    gains = {row["item_id"]: row["expected_gain"] for row in plan.to_pylist() if row["segment_id"] == "user:heavy"}
    assert gains["1f98a"] == pytest.approx(100 * (400 / 1800) * 0.2)


def test_where_the_segments_cover_is_planned_the_gain_is_over_that(night):
    ctx = night(level="user")
    heavy = HeavyUsers.read(ctx.lake, ctx.ds, ctx.settings.generation)
    styles = np.eye(32, dtype=np.float32)[:2]
    plan = planned(ctx, FINGERPRINTS).to_pandas()
    items = plan[["item_id"]].drop_duplicates().head(1).assign(traffic=10.0)
    segments = {"s0": heavy.profiles[0], "s1": heavy.profiles[2]}  # s0 painted as `heavy` likes it
    asked = Asked(items=items, embeddings=np.zeros((1, 128), np.float32), styles=styles[:1], real=styles)
    settings = ctx.settings.generation
    without = user_pairs(heavy, asked, segments, plan.head(0), KnowsUsers(), settings)
    assert set(without["segment_id"]) == {"user:heavy", "user:alike"}
    planned_too = items.assign(segment_id="s0")
    assert set(user_pairs(heavy, asked, segments, planned_too, KnowsUsers(), settings)["segment_id"]) >= {"user:alike"}
    there = user_pairs(heavy, asked, segments, planned_too, KnowsUsers(), settings)
    assert "user:heavy" not in set(there["segment_id"])


def test_the_cap_keeps_the_best_and_the_summary_says_what_it_costs_and_gains(night):
    plan = planned(night(level="user", user_units=2), FINGERPRINTS)
    assert len(alone(plan)) == 2
    assert ("1f98a", "user:heavy") in alone(plan)
    told = summary(plan)
    assert "for 1 single users 2 units, 4 pictures" in told
    assert "clicks a day more than their segments' covers" in told


def test_by_default_nobody_is_painted_for_alone_and_other_units_stay_as_they_are(night):
    usual, single = planned(night(), FINGERPRINTS), planned(night(level="user"), FINGERPRINTS)
    assert alone(usual) == []
    assert "single users" not in summary(usual)
    kept = [row["unit_id"] for row in single.to_pylist() if not row["segment_id"].startswith("user:")]
    assert kept == usual["unit_id"].to_pylist()


def test_a_method_that_reads_histories_is_told_their_own(night, monkeypatch):
    told = {"heavy": np.ones((48, 165), np.float32)}
    asked = []

    def read(lake, as_of, users, encoder_id):
        asked.append((as_of, sorted(users)))
        return told

    monkeypatch.setattr("generation.planning.users.read_user_histories", read)
    ctx = night(user_count=2, user_min_clicks=10)
    heavy = HeavyUsers.read(ctx.lake, ctx.ds, ctx.settings.generation, needs={"history"})
    assert asked == [(ctx.ds, ["heavy", "less"])]
    assert heavy.profiles[0].history is told["heavy"]
    assert heavy.profiles[1].history is None


def test_it_is_off_by_default():
    assert GenerationSettings().level == "segment"
