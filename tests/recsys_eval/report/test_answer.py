import pytest

from recsys_eval.report.answer import answers

HEAD = "lambdarank-played"


def figure(value, low, high, **more):
    return {"value": value, "low": low, "high": high, "n": 1200, "of": "users", **more}


def night(**changed):
    """Figures of a night in which covers helped a little."""
    figures = {
        f"{HEAD}.generated.wndcg@10.lift": figure(0.008, 0.002, 0.014, detectable=0.009),
        f"{HEAD}.treated.generated.wndcg@10.lift": figure(0.011, -0.001, 0.023, detectable=0.017),
        f"{HEAD}.generated.wndcg@10.share": figure(0.5, 0.1, 0.9),
        f"{HEAD}.truth_covers.true ndcg@10.lift": figure(0.1165, 0.1, 0.12),
        f"{HEAD}.truth_originals.true ndcg@10.lift": figure(0.1, 0.09, 0.11),
        f"{HEAD}.generated.true ndcg@10.lift": figure(0.004, 0.002, 0.006),
        f"{HEAD}.generated.true ndcg@10.share": figure(0.25, 0.1, 0.4),
        f"{HEAD}.a/a.wndcg@10.lift": figure(0.0, -0.001, 0.001),
        f"{HEAD}.shuffled.wndcg@10.lift": figure(-0.001, -0.004, 0.003),
        f"{HEAD}.generated.wndcg@10.over_logged": figure(0.15, 0.12, 0.18),
        f"{HEAD}.original.wndcg@10.over_logged": figure(0.14, 0.11, 0.17),
    }
    return figures | {f"{HEAD}.{name}": value for name, value in changed.items()}


def test_the_lines_answer_in_order():
    better, whom, share, true, controls, logged = answers(night())
    assert better.startswith("Ranking of the next day is better when generated covers are known: +0.80 %")
    assert "0.90 % is found in four samples of five" in better
    assert "1,200 users" in better
    assert "not shown to be better" in whom
    assert "50.0 % of what was attainable, interval 10.0 % to 90.0 %" in share
    assert "+1.5 %" in share  # 1.1165 / 1.1 - 1
    assert "the lift is +0.40 %" in true
    assert "25.0 % of the attainable (simulated)" in true
    assert controls == "The controls hold: A/A, another segment's covers are no lift."
    assert logged.startswith("The rankers are above the order of the log: with generated covers +15.0 %")


def test_who_is_not_above_the_log_is_told():
    lines = answers(night(**{"original.wndcg@10.over_logged": figure(0.01, -0.02, 0.04)}))
    assert lines[-1].startswith("A ranker here is not above the order in which the log showed the items: without +1.0")


def test_a_control_that_is_not_nothing_spoils_the_lift():
    lines = answers(night(**{"shuffled.wndcg@10.lift": figure(0.01, 0.004, 0.02)}))
    assert lines[0].startswith("Believe no lift")
    assert "another segment's covers" in lines[0]
    assert lines[1] == "Measured, and not called a lift while this stands: +0.80 %, interval +0.20 % to +1.4 %."
    assert not any("is better" in line for line in lines)


@pytest.mark.parametrize(("low", "refused"), [(0.004, True), (-0.002, False)])
def test_a_gain_where_nobody_saw_the_covers_is_no_lift(low, refused):
    on_the_log = {"lambdarank-log.generated.wndcg@10.lift": figure(0.01, low, 0.02)}
    lines = answers(night() | on_the_log)
    assert lines[0].startswith("Believe no lift" if refused else "Ranking of the next day is better")
    assert ("after the day" in lines[0]) == refused


@pytest.mark.parametrize(("low", "high", "words"), [(0.001, 0.01, "is better"), (-0.02, -0.01, "is worse")])
def test_the_interval_decides(low, high, words):
    found = answers({f"{HEAD}.generated.wndcg@10.lift": figure((low + high) / 2, low, high)})
    assert len(found) == 1
    assert words in found[0]


def test_without_a_played_day_there_is_no_answer():
    assert answers({}) == []
