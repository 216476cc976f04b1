from dataclasses import replace

import numpy as np
import pytest

from recsys_eval.experiment.off_policy import ESTIMATORS
from recsys_eval.studies.trust import simulations
from recsys_eval.studies.trust.simulations import (
    BIASED,
    SPARE,
    TRIALS,
    Kept,
    Trust,
    click_log,
    sample_size,
    simulated,
    trust,
)


def test_promises_are_kept_in_few_trials():
    """60 of each, without the large logs: a share of 0.95 has a standard error of 0.028 then."""
    options = Trust(trials=60, users=300, resamples=200)
    parts = ("A/A", "A/B", "rankers", "off-policy")
    found = [each for only in parts for each in simulated(replace(options, only=only))]
    kept = {each.what: each for each in found}
    assert kept["A/A comparison"].share < 0.17
    for name in ("lift of an A/B test", "difference of two rankers, NDCG@10"):
        assert kept[name].share > 0.85, name
    for name in set(ESTIMATORS) - set(BIASED):
        assert kept[f"off-policy, {name}"].share > 0.85, name
    assert kept["off-policy, dm"].share < 0.5  # its model is wrong, and its interval does not know


@pytest.mark.soak
def test_promises_are_kept_in_a_thousand_trials():
    kept = simulated(Trust())
    assert len(kept) == len(TRIALS) + len(ESTIMATORS)
    assert not [f"{each.what}: {each.share}" for each in kept if not each.good]


def test_the_stated_sample_is_as_large_as_the_spread_of_its_logs_asks_for():
    """By the spread of 150 logs: 2.80 standard errors of the difference are the lift."""
    rng, users, gaps = np.random.default_rng(3), 4000, []
    for _ in range(150):
        user, clicked, treated = click_log(rng, users, 0.0)
        assert user.max() == users - 1
        gaps.append(clicked[treated > 0].mean() / clicked[treated == 0].mean() - 1)
    detectable = 2.80 * float(np.std(gaps))
    assert sample_size(detectable) == pytest.approx(SPARE * users, rel=0.25)


@pytest.fixture
def trials_without_large_logs(monkeypatch):
    """The trials for power make logs of a million rows."""
    monkeypatch.setattr(simulations, "TRIALS", TRIALS[:1])


@pytest.mark.usefixtures("trials_without_large_logs")
def test_a_table_is_printed(capsys):
    trust(Trust(trials=4, users=60, resamples=50))
    out = capsys.readouterr().out
    assert "| A/A comparison | finds something in 5 % |" in out
    assert "| off-policy, sndr |" in out


def test_a_share_outside_its_bounds_is_not_good():
    kept = Kept(what="x", promise="", least=0.93, most=0.97, held=50, trials=100)
    assert (kept.share, kept.good) == (0.5, False)
    assert kept.error == pytest.approx(0.05)
