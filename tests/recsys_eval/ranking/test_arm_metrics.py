import numpy as np
import pytest

from recsys_eval.arm_names import A_A, GENERATED, LOGGED, ORIGINAL, TRUE_COVERS, TRUE_ORIGINALS
from recsys_eval.ranking.arm_metrics import (
    OVER_LOGGED,
    RANK_METRICS,
    SHARE,
    TRUE,
    WEIGHTED,
    Resampling,
    SliceSums,
    compare_arms,
    metric_sums,
    metrics_of,
)
from recsys_eval.ranking.arms import Block
from tests.support.worlds.blocks import block


def test_sums_by_hand():
    # user 7: two requests, clicks at ranks 1 and 2; user 9: one request without a click
    test = Block(
        user=np.array([7, 7, 7, 7, 9, 9]),
        request=np.array([3, 3, 4, 4, 8, 8]),
        position=np.array([1, 2, 1, 2, 1, 2]),
        clicked=np.array([1, 0, 0, 1, 0, 0], bool),
        weight=np.array([1.0, 2.0, 1.0, 2.0, 1.0, 2.0]),
        fold=np.zeros(6, np.int64),
        columns={},
        truth=np.array([0.5, 0.1, 0.2, 0.2, 0.3, 0.1]),
    )
    assert metrics_of(test) == (*RANK_METRICS, TRUE)
    numerator, denominator = metric_sums(test, [np.array([0.9, 0.1, 0.8, 0.3, 0.5, 0.4])])
    # weighted: the click at place 1 counts 1 and is ranked first, that at place 2 counts 2 and is ranked second
    assert numerator[0, 0] == pytest.approx(1 + 2 / np.log2(3))
    assert denominator[0, 0] == 3
    # NDCG: 1 + 1/log2(3) over 2 requests; MRR: 1 + 1/2 over 2
    assert numerator[0, 1:3] == pytest.approx([1 + 1 / np.log2(3), 1.5])
    assert denominator[0, 1:3].tolist() == [2, 2]
    # AUC of user 7: clicked 0.9 and 0.3 against 0.1 and 0.8 -> 3 of 4 pairs, weight 4 impressions
    assert numerator[0, 3] == pytest.approx(0.75 * 4)
    assert denominator[0, 3] == 4
    assert numerator[1, :4].tolist() == denominator[1, :4].tolist() == [0, 0, 0, 0]
    # truth: 0.5 and 0.2 at rank 1, 0.1 and 0.2 at rank 2; user 9 counts although nothing was clicked
    assert numerator[:, 4] == pytest.approx([0.7 + 0.3 / np.log2(3), 0.3 + 0.1 / np.log2(3)])
    assert denominator[:, 4] == pytest.approx([1.0, 0.4])


def test_a_perfect_arm_beats_a_random_one_by_its_full_lift():
    test = block()
    rng = np.random.default_rng(2)
    random = rng.random((2, len(test)))
    scores = {ORIGINAL: random, A_A: rng.random((2, len(test))), "generated": np.tile(test.clicked + 0.0, (2, 1))}
    slices = {"all": np.ones(len(test), bool), "few": test.user < 10}
    rows = compare_arms("r", test, scores, slices, Resampling(resamples=200, seed=1))
    assert {row["slice"] for row in rows} == {"all"}  # ten users are too few for an interval
    found = {(row["arm"], row["metric"]): row for row in rows}
    assert found["generated", "ndcg@10"]["value"] == pytest.approx(1.0)
    assert found["generated", "gauc"]["value"] == pytest.approx(1.0)
    base = found[ORIGINAL, "mrr"]["value"]
    assert found["generated", "mrr"]["lift"] == pytest.approx(1 / base - 1)
    assert found["generated", "mrr"]["low"] > 0
    assert found["generated", "mrr"]["detectable"] > 0
    aa = found[A_A, "ndcg@10"]
    assert aa["low"] < 0 < aa["high"]


def test_intervals_hold_the_noise_of_seeds_too():
    """Identical users' results per seed: only seeds differ, and the interval shows it."""
    test = block()
    good, bad = test.clicked + 0.0, -(test.clicked + 0.0)
    mixed = np.stack([good, bad, good, bad])
    steady = np.stack([good, good, good, good]) * np.array([[1.0], [2.0], [3.0], [4.0]])
    rows = compare_arms(
        "r",
        test,
        {ORIGINAL: steady, "generated": mixed},
        {"all": np.ones(len(test), bool)},
        Resampling(resamples=300, seed=1),
    )
    found = next(row for row in rows if row["arm"] == "generated" and row["metric"] == "gauc")
    assert found["value"] == pytest.approx(0.5)  # half of the seeds rank all right, half all wrong
    assert found["low"] == pytest.approx(-1.0)
    assert found["high"] == pytest.approx(0.0)


def test_a_slice_of_whole_users_is_cut_from_a_wider_one(monkeypatch):
    test = block()
    scores = [np.random.default_rng(3).random(len(test)) for _ in range(2)]
    new = np.random.default_rng(4).random(len(test)) < 0.5
    masks = [np.ones(len(test), bool), test.user % 3 == 0, new, new & (test.user < 20), test.user >= 5]
    ranked = []
    monkeypatch.setattr(
        "recsys_eval.ranking.arm_metrics.metric_sums", lambda *of: ranked.append(len(of[0])) or metric_sums(*of)
    )
    sums = SliceSums(test, scores)
    for mask in masks:
        asked = metric_sums(test.where(mask), [each[mask] for each in scores])
        for found, expected in zip(sums.of(mask), asked, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert ranked == [len(test), int(new.sum())]  # everything and the new items, which split users


def test_lifts_over_the_logged_order_and_shares_of_the_attainable_by_hand():
    """The truth knows one click in each request; originals' truth ranks it second, the log last."""
    users, page = 60, 4
    clicked = np.tile(np.array([0, 0, 0, 1], bool), users)
    place = np.tile(np.arange(1, page + 1), users)
    test = Block(
        user=np.repeat(np.arange(users), page),
        request=np.repeat(np.arange(users), page),
        position=place,
        clicked=clicked,
        weight=np.ones(users * page),
        fold=np.zeros(users * page, np.int64),
        columns={},
        truth=clicked * 0.5,
    )
    last, second, first = -place.astype(float), np.tile([4.0, 1, 2, 3], users), clicked + 0.0
    third = np.tile([4.0, 3, 1, 2], users)
    scores = {
        ORIGINAL: third[None],
        GENERATED: second[None],
        LOGGED: last[None],
        TRUE_ORIGINALS: second[None],
        TRUE_COVERS: first[None],
    }
    rows = compare_arms("r", test, scores, {"all": np.ones(len(test), bool)}, Resampling(resamples=60, seed=1))
    found = {(row["arm"], row["metric"]): row for row in rows}
    at = {rank: 1 / np.log2(rank + 1) for rank in range(1, 5)}
    assert found[LOGGED, WEIGHTED]["value"] == pytest.approx(at[4])
    assert found[GENERATED, OVER_LOGGED]["lift"] == pytest.approx(at[2] / at[4] - 1)
    share = (at[2] / at[3] - 1) / (at[1] / at[2] - 1)
    assert found[GENERATED, f"{WEIGHTED}, {SHARE}"]["value"] == pytest.approx(share)
    assert found[GENERATED, f"{TRUE}, {SHARE}"]["value"] == pytest.approx(share)
    assert (LOGGED, OVER_LOGGED) not in found
    # nothing attainable: no share is told
    none = compare_arms(
        "r",
        test,
        scores | {TRUE_COVERS: second[None]},
        {"all": np.ones(len(test), bool)},
        Resampling(resamples=60, seed=1),
    )
    assert not [row for row in none if SHARE in row["metric"]]
