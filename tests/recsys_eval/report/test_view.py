"""What the page is told."""

import re

import pytest
from deltalake import write_deltalake

from jobs.lake.schema.tables import TABLES
from recsys_eval.report.view import Drift, drift, forest, lift_groups, sentence, timing_rows
from recsys_eval.report.wording import interval, percent
from tests.support.worlds.samples import sample


def numbers(svg, css):
    tag = re.search(rf'<line class="{css}"[^>]*>', str(svg)).group()
    return [float(value) for value in re.findall(r'x[12]="([\d.]+)"', tag)]


def lift_row(arm, lift, metric="wndcg@10", slice_name="all"):
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


def test_what_is_unlike_the_nights_before(make_context):
    ctx = make_context()
    assert drift(ctx) == Drift(judged=0, far_off=[])
    rows = sample(
        "drift", 3, ds="2026-03-29", figure=["rows", "hours", "hour_share.07"], value=[812.0, 0.1, 0.04],
        low=[16000.0, 0.0, None], high=[19000.0, 0.25, None], verdict=["warn", "usual", None],
    )  # fmt: skip
    write_deltalake(ctx.lake.path("drift"), rows.cast(TABLES["drift"].schema), partition_by=["ds"])
    found = drift(ctx)
    assert (found.judged, list(map(str, found.far_off))) == (2, ["rows is 812, usual is 16,000 to 19,000"])
