"""Where the lift is, by hand and on lakes whose truth is known."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsys_eval.arm_names import A_A, GENERATED, ORIGINAL, SHUFFLED
from recsys_eval.document import SliceRecord
from recsys_eval.metrics.ranking import discounted_gain, discounts
from recsys_eval.ranking import slices
from recsys_eval.ranking.arm_metrics import WEIGHTED, Resampling, metric_sums
from recsys_eval.ranking.compare import PLAYED, rank_played
from recsys_eval.ranking.cover_assignment import load_segments
from recsys_eval.ranking.slices import COLD, LAUNCHING, OLDER, OTHER, WARM, dimensions_of, slice_lifts
from recsys_eval.statistics.multiple import holm
from tests.support.worlds.blocks import block
from tests.support.worlds.known_world import CUT, DS

RESAMPLING = Resampling(resamples=100, seed=1)


@pytest.fixture(scope="module")
def test_rows():
    return block(users=120)


@pytest.fixture(scope="module")
def scores(test_rows):
    rng = np.random.default_rng(3)
    names = (ORIGINAL, A_A, GENERATED)
    return {name: rng.random((2, len(test_rows))) for name in names}


def labels(test):
    return pl.Series(np.where(test.position <= 2, "top", "low"))


def rows_by_slice(rows, arm=GENERATED):
    return {row["slice"]: row for row in rows if row["arm"] == arm}


def test_a_slice_is_its_clicks_ranked_within_the_whole_request(test_rows, scores):
    """Against a loop over requests, one click after the other; scores have no ties."""
    test = test_rows
    found = rows_by_slice(slice_lifts("r", test, scores, {"position": labels(test)}, RESAMPLING))
    for name, inside in (("top", test.position <= 2), ("low", test.position > 2)):
        value = {}
        for arm in (ORIGINAL, GENERATED):
            by_seed = []
            for values in scores[arm]:
                gained = total = 0.0
                for row in np.flatnonzero(test.clicked & inside):
                    request = np.flatnonzero(test.request == test.request[row])
                    rank = 1 + (values[request] > values[row]).sum()
                    gained += test.weight[row] / np.log2(rank + 1)
                    total += test.weight[row]
                by_seed.append(gained / total)
            value[arm] = np.mean(by_seed)
        row = found[name]
        assert row["value"] == pytest.approx(value[GENERATED])
        assert row["lift"] == pytest.approx(value[GENERATED] / value[ORIGINAL] - 1)
        weights = test.weight[test.clicked & inside]
        assert row["clicks"] == len(weights)
        assert row["effective_clicks"] == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
        assert row["users"] == len(np.unique(test.user[test.clicked & inside]))
        assert row["low"] < row["lift"] < row["high"]
        assert row["metric"] == WEIGHTED


def test_slices_add_up_to_the_whole(test_rows, scores):
    test = test_rows
    found = rows_by_slice(slice_lifts("r", test, scores, {"position": labels(test)}, RESAMPLING))
    gains = {name: test.weight[test.clicked & (labels(test) == name).to_numpy()].sum() for name in found}
    numerator, denominator = metric_sums(test, list(scores[GENERATED]))
    whole = np.mean([numerator[:, c].sum() / denominator[:, c].sum() for c in (0, 4)])
    together = sum(gains[name] * row["value"] for name, row in found.items()) / sum(gains.values())
    assert together == pytest.approx(whole)


def test_p_holds_for_all_slices_of_all_dimensions_together(test_rows, scores):
    test = test_rows
    halves = pl.Series(np.where(test.user % 2, "odd", "even"))
    rows = slice_lifts("r", test, scores, {"position": labels(test), "user": halves}, RESAMPLING)
    for arm in (GENERATED, A_A):
        of_arm = [row for row in rows if row["arm"] == arm]
        assert len(of_arm) == 4
        assert [row["p_holm"] for row in of_arm] == holm([row["p"] for row in of_arm])
    assert all(SliceRecord.model_validate(row, strict=True) for row in rows)


def test_what_too_few_users_clicked_and_what_is_in_no_slice_is_left_out(test_rows, scores):
    test = test_rows
    some = pl.Series(np.where(test.user < 20, "few", "many"))
    found = rows_by_slice(slice_lifts("r", test, scores, {"user": some}, RESAMPLING))
    assert list(found) == ["many"]
    nothing = pl.Series([None] * len(test), dtype=pl.String)
    assert slice_lifts("r", test, scores, {"user": nothing}, RESAMPLING) == []


def test_discounts_are_those_of_the_gain_with_ties():
    rng = np.random.default_rng(5)
    groups, values, gains = rng.integers(0, 40, 600), rng.integers(0, 4, 600) / 4, rng.random(600)
    groups = np.unique(groups, return_inverse=True)[1]
    found = np.bincount(groups, weights=gains * discounts(groups, values, k=5))
    np.testing.assert_allclose(found, discounted_gain(groups, values, gains, k=5))


def test_impressions_fall_into_slices_by_the_rules(telling_night):
    night = telling_night
    found = dimensions_of(night.play, load_segments(night.lake, DS), cut=CUT, new_items=night.new_items)
    frame = night.play.frame
    clicks = pl.DataFrame(night.lake.read("user_features", ds=CUT, columns=["user_id", "clicks_28d"]))
    warm = set(clicks.filter(pl.col("clicks_28d") >= 5)["user_id"])
    assert found["user"].to_list() == [WARM if user in warm else COLD for user in frame["user_id"]]
    launching = [item in night.new_items for item in frame["item_id"]]
    assert [name == LAUNCHING for name in found["item age"]] == launching
    place = {1: "place 1", 2: "places 2 to 3", 3: "places 2 to 3", 4: "places 4 to 6", 6: "places 4 to 6"}
    for name, position in zip(found["position"], frame["position"], strict=True):
        assert place.get(position, name) == name
    assert {len(each) for each in found.values()} == {len(frame)}


@pytest.mark.parametrize(
    ("age", "name"),
    [(0, slices.AGES[0][1]), (7, slices.AGES[0][1]), (8, slices.AGES[1][1]), (90, slices.AGES[2][1]), (91, OLDER)],
)
def test_an_item_is_as_old_as_the_days_between_its_creation_and_the_impression(age, name):
    days = pl.DataFrame({"day": [datetime(2026, 3, 30, tzinfo=UTC).date()]}).with_columns(age=pl.lit(age))
    assert days.select(slices._stepped("age", slices.AGES, OLDER)).to_series().to_list() == [name]


def test_small_categories_stand_together():
    names = [f"c{number:02}" for number in range(14) for _ in range(20 - number)]
    found = slices._largest(pl.Series("category", [*names, None]))
    assert found.n_unique() == slices.MOST_CATEGORIES + 2  # the others, and none
    assert found[0] == "category c00"
    assert found[len(names) - 1] == OTHER
    assert found[len(names)] is None


def test_covers_that_matter_lift_slices_more_than_their_controls(telling_night):
    rows = rank_played(telling_night).slices
    assert {row["ranker"] for row in rows} == {PLAYED}
    for arm, holds in ((GENERATED, True), (A_A, False)):
        p = [row["p_holm"] for row in rows if row["arm"] == arm and row["dimension"] == "position"]
        assert (min(p) < 0.05) is holds
    place = rows_by_slice(rows)["place 1"]
    assert place["lift"] > rows_by_slice(rows, SHUFFLED)["place 1"]["lift"]
