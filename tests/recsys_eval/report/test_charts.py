import math
import re

import pytest

from recsys_eval.report.charts import Axis, axis_of, bar, calibration_plot, interval_strip


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
