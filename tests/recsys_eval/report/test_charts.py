import math
import re

import pytest

from recsys_eval.report.charts import Axis, axis_of, bar, calibration_plot, interval_strip
from recsys_eval.report.view import forest, lift_groups, sentence, timing_rows
from recsys_eval.report.wording import interval, percent


def numbers(svg, css):
    tag = re.search(rf'<line class="{css}"[^>]*>', str(svg)).group()
    return [float(value) for value in re.findall(r'x[12]="([\d.]+)"', tag)]


def test_places_on_the_axis():
    axis = Axis(low=-1.0, high=3.0)
    assert [axis.place(value) for value in (-1, 0, 1, 3, 9, -9)] == [0, 25, 50, 100, 100, 0]
    svg = interval_strip(1.0, 0.0, 2.0, axis, label="x")
    assert numbers(svg, "dot") == [50, 50]
    assert numbers(svg, "whisker") == [25, 75]
    assert numbers(svg, "zero") == [25, 25]
    assert 'class="zero"' not in interval_strip(1.0, 0.0, 2.0, axis, label="x", zero=None)
    assert 'width="50.00"' in bar(1.0, axis, label="x")


def test_an_axis_holds_what_it_must():
    axis = axis_of([0.1, 0.4, math.nan])
    assert axis.low < 0 < 0.4 < axis.high
    assert axis_of([], include=None).low < axis_of([], include=None).high
    assert axis_of([2.0, 2.0], include=None).low < 2.0 < axis_of([2.0, 2.0], include=None).high


def test_labels_are_escaped():
    svg = interval_strip(0, 0, 0, Axis(low=0, high=1), label='<b>"&')
    assert "<b>" not in svg
    assert "&lt;b&gt;&#34;&amp;" in svg


def test_a_calibrated_model_lies_on_the_diagonal():
    svg = str(calibration_plot([("model", "torch", [(0.1, 0.1), (0.2, 0.2)])]))
    diagonal = re.search(r'class="diagonal" x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"', svg)
    x1, y1, x2, y2 = map(float, diagonal.groups())
    for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg):
        assert (float(x) - x1) / (x2 - x1) == pytest.approx((float(y) - y1) / (y2 - y1), abs=0.002)


def lift_row(arm, lift, metric="ndcg@10", slice_name="all"):
    bounds = {"low": lift - 0.01, "high": lift + 0.01, "p": 0.03}
    keys = {"metric": metric, "ranker": "lambdarank-played", "arm": arm, "slice": slice_name}
    return {**keys, "value": 0.5, "lift": lift, "users": 1234, **bounds}


def test_forest_rows_share_an_axis():
    chart = forest([lift_row("generated", 0.1), lift_row("a/a", 0.0)], ["g", "a"], "t")
    assert [row.value for row in chart.rows] == ["+10.0 %", "+0.00 %"]
    assert chart.rows[0].note == "+9.0 % to +11.0 %, p = 0.03, 1,234 users"
    assert (
        numbers(chart.rows[0].strip, "zero")
        == numbers(chart.rows[1].strip, "zero")
        == numbers(chart.rows[1].strip, "dot")
    )
    assert chart.rows[0].strong
    assert not chart.rows[1].strong


def test_controls_stand_below_the_arm_they_control():
    rows = [
        lift_row("a/a", 0.0),
        lift_row("shuffled", 0.01),
        lift_row("generated", 0.1),
        lift_row("generated", 0.3, slice_name="x"),
    ]
    (group,) = lift_groups(rows)
    assert [row.label.split(":")[0] for row in group.charts[0].rows] == ["generated covers", "control", "control"]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.3, "clicked published covers more"), (-0.3, -0.01, "less"), (-0.1, 0.2, "is open")],
)
def test_the_sentence_is_as_cautious_as_the_interval(low, high, words):
    figure = {"value": (low + high) / 2, "low": low, "high": high, "unit": "relative lift", "simulated": False}
    said = sentence({"ab.published_pairs.lift": figure})
    assert words in said
    assert interval(low, high, "relative lift") in said
    assert percent(figure["value"], sign=True) in said
    assert "imulated users" in sentence({"ab.all.lift": {**figure, "simulated": True}})


def test_timings():
    rows = timing_rows(
        [{"stage": "ingest", "seconds": 30.0, "status": "done"}, {"stage": "plan", "seconds": 90.0, "status": "failed"}]
    )
    assert [(row.label, row.value, row.note) for row in rows] == [
        ("ingest", "30.0 s", ""),
        ("plan", "1 min 30 s", "failed"),
    ]
    assert 'width="33.33"' in rows[0].strip
    assert timing_rows([]) == []
