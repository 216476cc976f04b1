import json

from recsys_eval.statistics.figures import figure, lift_row
from recsys_eval.statistics.lift import Estimate

FOUND = Estimate(value=0.1, low=0.05, high=0.2, p=0.01, detectable=0.08)


def test_a_figure_carries_its_interval_users_and_whether_it_is_simulated():
    made = figure("ab.lift", "Lift", FOUND, n=40, unit="relative lift", simulated=True)
    assert json.loads(json.dumps(made.as_dict())) == {
        "name": "ab.lift", "about": "Lift", "value": 0.1, "low": 0.05, "high": 0.2, "p": 0.01, "detectable": 0.08,
        "n": 40, "of": "users", "unit": "relative lift", "simulated": True,
    }  # fmt: skip


def test_a_row_keeps_the_metric_and_its_lift_apart():
    row = lift_row("ndcg@10", "generated", "all", 0.4, FOUND, 40, "base")
    assert (row["value"], row["lift"], row["low"], row["high"], row["p"]) == (0.4, 0.1, 0.05, 0.2, 0.01)
    assert (row["metric"], row["ranker"], row["arm"], row["slice"], row["users"]) == (
        "ndcg@10",
        "base",
        "generated",
        "all",
        40,
    )


def test_the_original_arm_has_no_lift():
    row = lift_row("auc", "original", "all", 0.6, None, 40)
    assert [row[name] for name in ("lift", "low", "high", "p", "detectable")] == [None] * 5
