import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from generation.review.web.agreement import PairVote, krippendorff_alpha, paired_preference, wilson

OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def units(*observers):
    return [[None if answer == "." else answer for answer in column] for column in zip(*observers, strict=True)]


@pytest.mark.parametrize(
    ("ratings", "alpha"),
    [
        # The worked examples A, B and C of Krippendorff (2011), nominal.
        (units("0100000010", "1110010000"), 0.095),
        (units("aabbdcccedda", "babbbccceddd"), 0.692),
        (units(*OBSERVERS), 0.743),
    ],
)
def test_alpha_is_that_of_the_worked_examples(ratings, alpha):
    found = krippendorff_alpha(ratings)
    assert found.value == pytest.approx(alpha, abs=0.0005)
    assert found.low < found.value < found.high <= 1


def test_alpha_by_hand():
    """Two units agree, one does not: D_o = 2/6, D_e = (36 - 9 - 9) / 30."""
    found = krippendorff_alpha([["a", "a"], ["b", "b"], ["a", "b"], ["a", None], []])
    assert found.value == pytest.approx(1 - (2 / 6) / (18 / 30))
    assert found.n == 3


def test_alpha_without_variation_or_pairs_is_not_known():
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]).value is None
    assert krippendorff_alpha([["a"], [None, "b"]]).n == 0
    assert krippendorff_alpha([]).value is None


def test_alpha_is_one_when_all_agree_and_near_zero_by_chance():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 400)
    assert krippendorff_alpha(zip(truth, truth, strict=True)).value == 1
    chance = krippendorff_alpha(zip(truth, rng.integers(0, 3, 400), strict=True))
    assert chance.low < 0 < chance.high


def test_the_interval_covers_as_often_as_it_says():
    """Of 200 samples from a known population, about 95 of 100 intervals hold its alpha."""
    rng = np.random.default_rng(1)

    def sample(n):
        truth = rng.integers(0, 2, n)
        return [[int(t) if rng.random() < 0.9 else int(1 - t) for _ in range(2)] for t in truth]

    population = 0.64  # agreement 0.9^2 + 0.1^2 = 0.82 against 0.5 by chance
    inside = 0
    for _ in range(200):
        found = krippendorff_alpha(sample(150), resamples=400)
        inside += found.low <= population <= found.high
    assert 180 <= inside <= 198


def votes(first, second, choices, unit="u{}"):
    return [PairVote(unit=unit.format(place), first=first, second=second, choice=c) for place, c in enumerate(choices)]


def test_preference_is_counted_whichever_side_was_first():
    shown = votes("original", "profile", ["second"] * 5 + ["first"] * 2 + ["tie"])
    shown += votes("profile", "original", ["first"] * 2 + ["second"], unit="v{}")
    (found,) = paired_preference(shown)
    assert (found.arm, found.over, found.wins, found.losses, found.ties) == ("profile", "original", 7, 3, 1)
    expected = binomtest(7, 10).proportion_ci(method="wilson")
    assert (found.share.low, found.share.high) == pytest.approx((expected.low, expected.high))
    assert not found.settled


def test_many_votes_about_one_unit_count_as_one():
    choices = ["second" if n % 4 == 0 else "first" for n in range(80)]
    alone = votes("profile", "original", choices)
    crowd = [replace(vote, unit=f"u{n % 4}") for n, vote in enumerate(alone)]
    (together,), (apart,) = paired_preference(crowd), paired_preference(alone)
    assert together.share.value == apart.share.value == 0.75
    assert apart.settled
    assert not together.settled
    expected = wilson(
        0.75, 80 / (80 * 4 / 3 / 4)
    )  # every unit is of one mind: 4 units, 4 / 3 by the small-sample factor
    assert (together.share.low, together.share.high) == pytest.approx(expected)


def test_only_ties_and_unanimous_votes():
    (ties,) = paired_preference(votes("icg", "profile", ["tie", "tie"]))
    assert (ties.share.value, ties.share.low, ties.ties) == (None, None, 2)
    (all_one,) = paired_preference(votes("icg", "profile", ["first"] * 6))
    expected = binomtest(6, 6).proportion_ci(method="wilson")
    assert (all_one.share.low, all_one.share.high) == pytest.approx((expected.low, expected.high))


def test_each_pair_of_methods_stands_alone():
    mixed = (
        votes("icg", "profile", ["first"])
        + votes("original", "icg", ["second"])
        + votes("original", "profile", ["tie"])
    )
    assert [(p.arm, p.over) for p in paired_preference(mixed)] == [
        ("icg", "original"),
        ("icg", "profile"),
        ("profile", "original"),
    ]
    with pytest.raises(ValueError, match="'icg' twice"):
        paired_preference(votes("icg", "icg", ["tie"]))


def test_wilson_is_scipys():
    for wins, number in ((0, 5), (3, 17), (50, 100)):
        expected = binomtest(wins, number).proportion_ci(method="wilson")
        assert wilson(wins / number, number) == pytest.approx((expected.low, expected.high))
    assert math.isclose(sum(wilson(0.5, 40)), 1)
