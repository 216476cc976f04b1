import numpy as np
import pytest

from recsys_eval.arm_names import A_A, ORIGINAL
from recsys_eval.ranking.arms import Block, Resampling, SliceSums, compare_arms, metric_sums


def block(users=60, requests=3, page=4, seed=1):
    rng = np.random.default_rng(seed)
    n = users * requests * page
    user = np.repeat(np.arange(users), requests * page)
    request = np.repeat(np.arange(users * requests), page)
    clicked = rng.random(n) < 0.3
    return Block(
        user=user,
        request=request,
        position=np.tile(np.arange(1, page + 1), users * requests),
        clicked=clicked,
        columns={},
    )


def test_sums_by_hand():
    # user 7: two requests, clicks at ranks 1 and 2; user 9: one request without a click
    user = np.array([7, 7, 7, 7, 9, 9])
    request = np.array([3, 3, 4, 4, 8, 8])
    clicked = np.array([1, 0, 0, 1, 0, 0], bool)
    scores = np.array([0.9, 0.1, 0.8, 0.3, 0.5, 0.4])
    numerator, denominator = metric_sums(user, request, clicked, [scores])
    # NDCG: 1 + 1/log2(3) over 2 requests; MRR: 1 + 1/2 over 2
    assert numerator[0, :2] == pytest.approx([1 + 1 / np.log2(3), 1.5])
    assert denominator[0, :2].tolist() == [2, 2]
    # AUC of user 7: clicked 0.9 and 0.3 against 0.1 and 0.8 -> 3 of 4 pairs, weight 4 impressions
    assert numerator[0, 2] == pytest.approx(0.75 * 4)
    assert denominator[0, 2] == 4
    assert numerator[1].tolist() == denominator[1].tolist() == [0, 0, 0]


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


def test_where_keeps_rows_together():
    test = block()
    some = Block(
        user=test.user, request=test.request, position=test.position, clicked=test.clicked,
        columns={ORIGINAL: np.arange(len(test), dtype=float)[:, None]},
    ).where(test.user == 5)  # fmt: skip
    assert set(some.user) == {5}
    assert len(some) == 12
    assert some.columns[ORIGINAL][0, 0] == 60


def test_a_slice_of_whole_users_is_cut_from_a_wider_one(monkeypatch):
    test = block()
    scores = [np.random.default_rng(3).random(len(test)) for _ in range(2)]
    new = np.random.default_rng(4).random(len(test)) < 0.5
    masks = [np.ones(len(test), bool), test.user % 3 == 0, new, new & (test.user < 20), test.user >= 5]
    ranked = []
    monkeypatch.setattr(
        "recsys_eval.ranking.arms.metric_sums", lambda *of: ranked.append(len(of[0])) or metric_sums(*of)
    )
    sums = SliceSums(test, scores)
    for mask in masks:
        asked = metric_sums(test.user[mask], test.request[mask], test.clicked[mask], [each[mask] for each in scores])
        for found, expected in zip(sums.of(mask), asked, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert ranked == [len(test), int(new.sum())]  # everything and the new items, which split users
