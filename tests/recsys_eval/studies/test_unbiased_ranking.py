import numpy as np
import pytest

from conf.errors import UsageError
from jobs.simulator.parameters import ModelParameters, examination
from recsys_eval.judge.judgements import CachedJudge
from recsys_eval.simulation.true_clicks import WorldClicks
from recsys_eval.studies.unbiased_ranking import UnbiasedRanking, compared


def test_the_weighted_metric_is_the_truth_and_the_plain_one_flatters_the_log(sticker_night, judge, monkeypatch):
    monkeypatch.setattr(CachedJudge, "open", classmethod(lambda cls, lake: judge))
    monkeypatch.setattr(sticker_night, "truth", WorldClicks(sticker_night.ctx))
    monkeypatch.setitem(vars(sticker_night), "examination", examination(np.arange(1, 11), ModelParameters()))
    rows = {(row.requests, row.order): row for row in compared(sticker_night, UnbiasedRanking(days=60))}
    assert len(rows) == 6
    for row in rows.values():
        assert row.weighted == pytest.approx(row.truth, abs=4 * row.error + 1e-9)
        assert row.known == pytest.approx(row.weighted, abs=1e-12)  # this night knows the examination
    log, best = rows["random order", "order of the log"], rows["random order", "true probabilities"]
    # a random order is worth what chance gives; plain NDCG puts it nearer to the best order than it is
    assert log.plain / best.plain > log.truth / best.truth + 0.02


def test_without_a_world_there_is_no_truth(telling_night):
    with pytest.raises(UsageError, match="built-in world"):
        compared(telling_night, UnbiasedRanking(days=1))
