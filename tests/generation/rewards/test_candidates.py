import numpy as np
import pandas as pd

from generation.rewards.candidates import choose


def candidates(*scores, publishable=True):
    """Units u0, u1, ... with the given scores of their candidates."""
    return pd.DataFrame(
        [
            {"unit_id": f"u{unit}", "candidate": number, "score": score, "publishable": publishable}
            for unit, each in enumerate(scores)
            for number, score in enumerate(each)
        ]
    )


class Probabilities:
    def __init__(self, *values):
        self.values, self.asked = np.asarray(values), []

    def __call__(self, rows):
        self.asked += rows.tolist()
        return self.values[rows]


def test_the_best_candidate_is_selected_and_only_it_is_checked():
    safety = Probabilities(0.9, 0.1, 0.2, 0.9)
    found = choose(candidates([1.0, 2.0], [4.0, 3.0]), safety, max_nsfw=0.4)
    assert found["selected"].tolist() == [False, True, True, False]
    np.testing.assert_array_equal(found["nsfw"], [np.nan, 0.1, 0.2, np.nan])
    assert sorted(safety.asked) == [1, 2]


def test_an_unsafe_best_gives_way_to_the_next():
    found = choose(candidates([3.0, 1.0, 2.0]), Probabilities(0.8, 0.0, 0.3), max_nsfw=0.4)
    assert found["selected"].tolist() == [False, False, True]
    np.testing.assert_array_equal(found["nsfw"], [0.8, np.nan, 0.3])


def test_where_none_is_safe_the_best_stays_to_be_rejected():
    found = choose(candidates([1.0, 2.0]), Probabilities(0.8, 0.9), max_nsfw=0.4)
    assert found["selected"].tolist() == [False, True]
    assert found["nsfw"].tolist() == [0.8, 0.9]


def test_what_is_not_for_publishing_has_no_safety_score():
    found = choose(candidates([1.0, 2.0], publishable=False), Probabilities(0.0, 0.0), max_nsfw=0.4)
    assert found["selected"].tolist() == [False, True]
    assert found["nsfw"].isna().all()


def test_equal_scores_keep_the_first_candidate():
    assert choose(candidates([1.0, 1.0]), Probabilities(0, 0), max_nsfw=0.4)["selected"].tolist() == [True, False]


def test_a_score_that_is_unknown_is_not_safe():
    found = choose(candidates([2.0, 1.0]), Probabilities(np.nan, 0.1), max_nsfw=0.4)
    assert found["selected"].tolist() == [False, True]
