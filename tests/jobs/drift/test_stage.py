"""Tonight beside the nights before it: every fault is named, by the figure that shows it, and nothing else is."""

import pyarrow as pa
import pytest

from conf.drift import DriftSettings
from conf.errors import GateError
from jobs.drift.stage import Night, rehearse, run
from tests.jobs.drift.conftest import BEFORE, PAGE, ROWS, TONIGHT, day_of_log, gains_of, plan_of, segments_of, write
from tests.support.worlds.samples import sample

NIGHT = TONIGHT.isoformat()


def verdicts(context):
    """Figure -> verdict of what is judged and not as usual."""
    return {each.figure: each.verdict for each in Night.of(context).judged() if each.verdict not in (None, "usual")}


def test_a_day_like_the_days_before_is_usual(spoilt):
    context = spoilt()
    assert verdicts(context) == {}
    judged = {each.figure: each for each in Night.of(context).judged()}
    assert {name for name, each in judged.items() if each.verdict} == {
        *("rows", "requests", "clicked_share", "mean_position", "mean_propensity", "refused_share"),
        *("unknown_item_share", "hours", "policies"),
    }  # fmt: skip
    rows = judged["rows"]
    assert (rows.value, rows.usual, rows.low, rows.high, rows.nights) == (ROWS, ROWS, ROWS - 120, ROWS + 120, 14)
    assert sum(each.value for name, each in judged.items() if name.startswith("hour_share.")) == pytest.approx(1)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"rows": ROWS // 2}, {"rows": "warn", "requests": "warn"}),
        ({"rows": ROWS // 11}, {"rows": "stop", "requests": "warn"}),
        ({"rows": ROWS * 3}, {"rows": "warn", "requests": "warn"}),
        ({"clicked": 0.2}, {"clicked_share": "warn"}),
        ({"clicked": 0.0}, {"clicked_share": "stop"}),
        ({"top": 20}, {"mean_position": "warn"}),
        ({"propensity": 0.9}, {"mean_propensity": "warn"}),
        ({"explored": 0.7}, {"policies": "warn"}),
        ({"hours": range(6)}, {"hours": "warn"}),
    ],
)
def test_every_fault_of_the_log_is_named(spoilt, fault, expected):
    assert verdicts(spoilt(**fault)) == expected


def test_items_that_nobody_knows_are_named(spoilt):
    context = spoilt()
    refused = sample(
        "quarantine", ROWS // 10, ds=NIGHT, source="impressions", reasons=[["unknown_item"]] * (ROWS // 10)
    )
    write(context, "quarantine", refused)
    assert verdicts(context) == {"refused_share": "warn", "unknown_item_share": "warn"}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({}, {}),
        ({"turned": 40.0}, {"centroid_movement": "warn"}),
        ({"sizes": (60, 540)}, {"segment_sizes": "warn", "largest_segment_share": "warn"}),
        ({"gains": gains_of(NIGHT, 20)}, {"planned_units": "warn"}),
        ({"gains": gains_of(NIGHT, scale=3.0)}, {"planned_gain": "warn", "planned_gains": "warn"}),
        ({"gains": gains_of(NIGHT) - 1}, {"planned_gain": "warn", "planned_gains": "warn"}),
    ],
)  # fmt: skip
def test_every_fault_of_segments_and_plan_is_named(nights, fault, expected):
    context = nights(**fault)
    assert verdicts(context) == expected


def test_with_fewer_nights_nothing_is_judged_and_this_is_said(context):
    write(context, "impressions", pa.concat_tables([day_of_log(ds, clicked=0.0) for ds in (*BEFORE[1:], NIGHT)]))
    write(context, "segments", segments_of(NIGHT, (60, 40)))
    write(context, "generation_plan", plan_of(NIGHT, [0.5]))
    assert {each.verdict for each in Night.of(context).judged()} == {None}
    assert rehearse(context).note == (
        "nothing is judged; the log is not judged, 13 of 14 days before are known; "
        "segments and plan are not judged, 0 of 14 nights before are known"
    )


def test_a_backfilled_day_knows_nothing_of_later_ones(spoilt):
    context = spoilt()
    before = list(Night.of(context).judged())
    write(context, "impressions", day_of_log("2026-03-30", rows=PAGE, clicked=1.0))
    write(context, "segments", segments_of("2026-03-30", (5, 5, 5)))
    write(context, "generation_plan", plan_of("2026-03-30", [99.0]))
    later = {"ds": "2026-03-30", "figure": "rows", "value": 1.0, "nights": 0}
    write(context, "drift", pa.Table.from_pylist([later], schema=sample("drift").schema))
    assert list(Night.of(context).judged()) == before


def test_what_a_night_kept_of_its_day_is_not_counted_again(spoilt):
    """The days before come from the nights' own rows where there are such: here they tell of ten times as many."""
    context = spoilt(rows=ROWS)
    kept = [{"ds": ds, "figure": "rows", "value": 10.0 * ROWS, "nights": 0} for ds in BEFORE]
    write(context, "drift", pa.Table.from_pylist(kept, schema=sample("drift").schema))
    rows = next(each for each in Night.of(context).judged() if each.figure == "rows")
    assert (rows.usual, rows.verdict) == (10.0 * ROWS, "warn")


def test_a_gross_fault_ends_the_night_in_words_and_the_table_has_it(spoilt, spark_lake, caplog):
    context = spoilt(clicked=0.0, explored=0.7)
    with pytest.raises(
        GateError, match=r"on 2026-03-29 clicked_share is 0, usual is 0\.0\d+ to 0\.\d+, median 0\.0\d+, by the 14"
    ):
        run(context)
    rows = {row["figure"]: row for row in context.lake.read("drift", ds=NIGHT).to_pylist()}
    assert (rows["clicked_share"]["verdict"], rows["policies"]["verdict"]) == ("stop", "warn")
    assert rows["hour_share.07"]["verdict"] is None
    assert "drift of 2026-03-29: policies is" in caplog.text

    allowed = DriftSettings(stop_without_clicks=False)
    context.settings = context.settings.model_copy(update={"drift": allowed})
    assert rehearse(context).note.startswith("9 figures judged, 2 far off: clicked_share is 0, usual is 0.0")
