"""Columns against values read off the known world by hand."""

import numpy as np
import pytest

from conf.errors import MissingTable
from recsys_eval.ranking.cover_assignment import published_assignment
from recsys_eval.ranking.features import (
    ASSIGNED_NAMES,
    BASE_NAMES,
    SHOWN_NAMES,
    ImpressionFeatures,
    group_codes,
    load_impressions,
)
from reward_model.network.features import ITEM_COLUMNS, USER_COLUMNS
from tests.support.worlds.known_world import BASE, BONUS, CUT, DS, cover_id


@pytest.fixture(scope="module")
def play(telling_night):
    return telling_night.play


@pytest.fixture(scope="module")
def world(telling_night):
    return telling_night.scorer_of(DS).world


def record(play, at):
    row = play.frame.row(at, named=True)
    return int(row["user_id"][1:]), int(row["item_id"][1:])


def test_base_columns(play, world):
    assert play.base.shape == (len(play), len(BASE_NAMES))
    assert len(BASE_NAMES) == len(USER_COLUMNS) + len(ITEM_COLUMNS) + 4
    for at in (0, 33, 1234):
        user, item = record(play, at)
        row = dict(zip(BASE_NAMES, play.base[at], strict=True))
        assert row["user_impressions_7d"] == 40
        assert row["item_clicks_28d"] == (0 if world.new[item] else 100)
        assert row["item_ctr_debiased"] == pytest.approx(0.1 if world.new[item] else 0.1 * world.quality[item])
        assert row["category_affinity"] == (0.5 if user % 3 else 0.0)
        likes = world.liking[user] == world.default_look[item]
        assert row["default_p"] == pytest.approx(BASE + BONUS * 0.8 * likes)
        assert row["default_cos_style"] == float(likes)
        assert row["default_cos_embedding"] == float(item == 0)


def test_a_null_recency_stays_missing(play):
    column = play.base[:, BASE_NAMES.index("user_recency_hours")]
    user = play.frame["user_id"].to_numpy()
    assert np.isnan(column[user == "u0003"]).all()
    assert (column[user != "u0003"] == 5.0).all()


def test_no_column_tells_the_position(play):
    names = (*BASE_NAMES, *SHOWN_NAMES, *ASSIGNED_NAMES)
    assert not [name for name in names if "position" in name]
    columns = np.hstack([play.base, play.shown(play.default_row)])
    related = [np.corrcoef(column, play.position)[0, 1] for column in columns.T if np.nanstd(column) > 1e-9]
    assert np.nanmax(np.abs(related)) < 0.1


def test_shown_columns(play, world):
    logged = play.shown(play.logged_row)
    default = play.shown(play.default_row)
    assert (default[:, SHOWN_NAMES.index("shown_is_default")] == 1).all()
    for at in (5, 77, 900):
        user, item = record(play, at)
        cover = play.frame.row(at, named=True)["cover_id"]
        look = world.vectors[cover][1]
        assert logged[at, 0] == pytest.approx(BASE + BONUS * 0.8 * (world.liking[user] == look))
        assert logged[at, 3] == float(cover == cover_id("drawn", item, world.default_look[item]))


def test_offered_columns_fall_back_to_the_default(play, world):
    rows, relevance = published_assignment(play.sources.lake, DS).of(play)
    assigned = play.assigned(rows, relevance)
    assert assigned.shape == (len(play), len(ASSIGNED_NAMES))
    for at in range(0, 400, 7):
        _, item = record(play, at)
        p, gain, _, style, relevant = assigned[at]
        default_p = play.base[at, BASE_NAMES.index("default_p")]
        if world.published[item]:
            assert p == pytest.approx(BASE + BONUS * 0.8)  # painted in the liked look
            assert gain == pytest.approx(p - default_p)
            assert (style, relevant) == (1.0, pytest.approx(0.9))
        else:
            assert (p, gain, relevant) == (default_p, 0.0, 1.0)


def test_each_user_item_cover_is_scored_once(telling_night):
    frame = load_impressions(telling_night.lake, [DS])
    impressions = ImpressionFeatures(telling_night.sources, frame)
    scorer = telling_night.scorer_of(DS)
    before = scorer.calls
    impressions.score([impressions.default_row, impressions.logged_row, impressions.default_row])
    impressions.probability(impressions.logged_row)
    impressions.shown(impressions.default_row)
    assert scorer.calls == before + 1
    missing = impressions.probability(np.zeros(len(impressions), np.int64))
    assert np.isnan(missing).all()


def test_requests_are_runs_of_rows(play):
    assert (np.diff(play.request) >= 0).all()
    assert np.bincount(play.request).tolist() == [8] * (int(play.request.max()) + 1)
    assert group_codes(play.frame, "user_id").max() + 1 == play.frame["user_id"].n_unique()


def test_a_missing_partition_names_the_day(telling_night):
    early = load_impressions(telling_night.lake, [DS])
    moved = early.with_columns(ds=early["ds"].str.replace(DS.isoformat(), CUT.isoformat()))
    with pytest.raises(MissingTable, match="user_features has no rows for ds=2026-03-01"):
        _ = ImpressionFeatures(telling_night.sources, moved).base
