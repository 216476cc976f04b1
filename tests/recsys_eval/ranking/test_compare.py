"""Arms on lakes whose truth is known: covers that matter, and covers that do not."""

from dataclasses import replace

import numpy as np
import pytest

from recsys_eval.arm_names import A_A, ANOTHER, GENERATED, LOGGED, ORIGINAL, PLAIN, SHUFFLED
from recsys_eval.ranking import compare
from recsys_eval.ranking.arm_metrics import OVER_LOGGED, RANK_METRICS, WEIGHTED
from recsys_eval.ranking.compare import LOG, PLAYED, rank_log, rank_played
from recsys_eval.report.answer import answers
from tests.support.worlds.known_world import CUT, DS


@pytest.fixture(scope="module")
def played(telling_night):
    return rank_played(telling_night)


@pytest.fixture(scope="module")
def idle(idle_night):
    return rank_played(idle_night)


def row(findings, arm, metric="ndcg@10", slice_name="all"):
    found = [r for r in findings.rows if (r["arm"], r["metric"], r["slice"]) == (arm, metric, slice_name)]
    assert len(found) == 1, (arm, metric, slice_name)
    return found[0]


@pytest.mark.parametrize("metric", RANK_METRICS)
def test_knowing_covers_that_matter_lifts_ranking(played, metric):
    found = row(played, GENERATED, metric)
    assert found["lift"] > 0.02
    assert found["low"] > 0
    assert found["p"] < 0.02
    assert found["users"] > 200
    # beyond what the controls get
    assert found["lift"] > row(played, SHUFFLED, metric)["lift"] + 0.02
    assert found["lift"] > row(played, PLAIN, metric)["lift"]
    assert found["lift"] > row(played, ANOTHER, metric)["lift"] + 0.02


def test_the_lift_is_made_by_treated_users(played):
    assert row(played, GENERATED, slice_name="treated")["low"] > 0
    control = row(played, GENERATED, slice_name="control")
    assert control["low"] < row(played, GENERATED, slice_name="treated")["low"]


@pytest.mark.parametrize("metric", RANK_METRICS)
def test_a_a_is_no_lift(played, idle, metric):
    for findings in (played, idle):
        found = row(findings, A_A, metric)
        assert found["low"] < 0 < found["high"]


@pytest.mark.parametrize("arm", [GENERATED, SHUFFLED, ANOTHER, PLAIN])
def test_covers_that_do_not_matter_lift_nothing(idle, arm):
    found = row(idle, arm)
    assert found["low"] < 0 < found["high"]
    assert abs(found["lift"]) < 0.02


def test_rows_are_complete_and_unique(played):
    keys = [(r["metric"], r["ranker"], r["arm"], r["slice"]) for r in played.rows]
    assert len(keys) == len(set(keys))
    assert {r["ranker"] for r in played.rows} == {PLAYED}
    slices = {r["slice"] for r in played.rows}
    assert {"all", "new items", "existing items", "treated", "control", "segment s0", "segment s1"} <= slices
    base = row(played, ORIGINAL)
    assert base["lift"] is base["p"] is None
    assert 0 < base["value"] < 1
    lift = row(played, GENERATED)
    assert lift["lift"] == pytest.approx(lift["value"] / base["value"] - 1)


def test_the_logged_order_is_an_arm_and_rankers_are_compared_with_it(played):
    logged = row(played, LOGGED, WEIGHTED)
    assert 0 < logged["value"] < row(played, ORIGINAL, WEIGHTED)["value"]  # the world shows items at random
    over = row(played, GENERATED, OVER_LOGGED)
    assert over["lift"] == pytest.approx(over["value"] / logged["value"] - 1)
    assert over["low"] > 0
    figures = {figure.name: figure for figure in played.figures}
    assert figures[f"{PLAYED}.generated.wndcg@10.over_logged"].value == over["lift"]
    assert figures[f"{PLAYED}.generated.wndcg@10.lift"].detectable > 0
    assert 0 < figures[f"{PLAYED}.wndcg@10.effective_clicks"].value < figures[f"{PLAYED}.wndcg@10.effective_clicks"].n


def test_log_split_is_point_in_time(telling_night):
    findings = rank_log(telling_night)
    found = row(findings, GENERATED)
    # nobody saw a generated cover on the log: nothing to win
    assert found["low"] < 0.01
    assert {r["ranker"] for r in findings.rows} == {LOG}
    assert any("nothing was attainable" in note for note in findings.notes)
    assert telling_night.log.feature_days[0] == CUT.isoformat()
    assert telling_night.log.feature_days[-1] < DS.isoformat()
    assert telling_night.play.feature_days == [DS.isoformat()]


def test_a_feature_from_after_the_day_is_no_lift(telling_night, played, monkeypatch):
    """Every column of a generated cover is told a little of the click itself, on the log and on the played day."""
    honest = compare.arm_block

    def leaking(*told, **more):
        block = honest(*told, **more)
        whiff = np.random.default_rng(8).normal(0.4 * block.clicked, 1.0)
        known = {**block.columns, GENERATED: np.hstack([block.columns[GENERATED][:, :-1], whiff[:, None]])}
        return replace(block, columns=known)

    clean = {figure.name: figure.as_dict() for figure in (*rank_log(telling_night).figures, *played.figures)}
    assert answers(clean)[0].startswith("Ranking of the next day is better")
    monkeypatch.setattr(compare, "arm_block", leaking)
    leaked = [*rank_log(telling_night).figures, *rank_played(telling_night).figures]
    lines = answers({figure.name: figure.as_dict() for figure in leaked})
    assert lines[0].startswith("Believe no lift")
    assert "after the day" in lines[0]


def test_same_night_same_numbers(telling_night, played):
    assert rank_played(telling_night).rows == played.rows


def test_without_a_played_day_it_says_so(unplayed_night):
    findings = rank_played(unplayed_night)
    assert findings.rows == []
    assert findings.notes == ["the log has no 2026-03-09: rankers on the played day were left out"]
