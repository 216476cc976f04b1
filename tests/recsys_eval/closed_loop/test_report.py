"""The loop's table as files."""

import json
from xml.etree import ElementTree

import pytest

from recsys_eval.closed_loop.report import CHART, PAGE, TABLE, by_arm, chart, page, write_report


def between(value, width=0.01):
    return {"value": value, "low": value - width, "high": value + width, "p": 0.01}


def row(night, arm, ctr, **more):
    nothing = dict.fromkeys(
        (
            "lift",
            "gap_closed",
            "over_first",
            "over_frozen",
            "live",
            "new",
            "painted",
            "gauc",
            "champion_is_new",
            "seconds",
        )
    )
    place = {"night": night, "ds": f"2026-03-{28 + night}", "day": f"2026-03-{29 + night}", "arm": arm}
    return {**place, "users": 1234, "impressions": 9000, "ctr": between(ctr), "covered": 0.25, **nothing, **more}


def method(night, arm, ctr, gap, over=None):
    facts = {"live": 1500, "new": 40, "painted": 77, "gauc": between(0.66), "champion_is_new": False, "seconds": 90.0}
    return row(
        night, arm, ctr, lift=between(ctr / 0.05 - 1), gap_closed=between(gap),
        over_first=None if over is None else between(over), **facts,
    )  # fmt: skip


@pytest.fixture
def document():
    table = [
        each
        for night in (1, 2)
        for each in (
            row(night, "original", 0.05),
            row(night, "best drawing", 0.08, lift=between(0.6)),
            method(night, "profile", 0.055, 1 / 6),
            method(night, "icg", 0.06, 1 / 3, over=0.0909),
        )
    ]
    return {"nights": 3, "methods": ["profile", "icg"], "frozen": [], "table": table, "learned": []}


def test_the_page_says_that_it_is_simulated_and_has_every_figure(document):
    told = page(document)
    assert told.startswith("# The closed loop: 2 of 3 nights (simulated)\n\nSimulated.")
    assert "same users, items, positions" in told
    assert "| 2 | 2026-03-31 | 1,234 | 5.00% [4.00%, 6.00%] | 8.00% [7.00%, 9.00%] | 5.50% [4.50%, 6.50%] |" in told
    assert "| 1 | +10.0% [+9.0%, +11.0%] | 16.7% [15.7%, 17.7%] | +20.0% [+19.0%, +21.0%] |" in told
    assert "| 1 | +9.09% [+8.09%, +10.09%] |" in told
    assert "| 1 | 1,500 | 40 | 77 | 25% | 0.660 [0.650, 0.670] | no | 1.5 |" in told


def test_a_loop_of_one_method_compares_it_with_no_other(document):
    alone = {
        **document,
        "methods": ["profile"],
        "table": [each for each in document["table"] if each["arm"] != "icg"],
    }
    assert "Relative to" not in page(alone)


def test_a_frozen_twin_has_its_nights_and_the_method_is_told_over_it(document):
    twins = [method(night, "icg-frozen", 0.058, 0.27, over=0.05) for night in (1, 2)]
    table = [
        {**each, "over_frozen": between(0.0345) if each["arm"] == "icg" else None} for each in document["table"]
    ] + twins
    learned = {
        "method": "icg", "nights": [2, 3], "users": 700, "impressions": 9000, "over_frozen": between(0.03),
        "detectable": 0.02, "gap_closed": between(0.3), "frozen_gap_closed": between(0.2),
    }  # fmt: skip
    told = page({**document, "frozen": ["icg"], "table": table, "learned": [learned]})
    assert "| night | icg over icg-frozen |\n|---|---|\n| 1 | +3.45% [+2.45%, +4.45%] |" in told
    assert "nights 2 to 3 together: +3.00% [+2.00%, +4.00%], p = 0.010, smallest findable lift 2.00%" in told
    assert "## Nights of `icg-frozen`" in told
    assert "Does the loop learn" not in page(document)


def test_the_chart_is_well_formed_small_and_the_same_every_time(document):
    drawn = chart(document["table"])
    words = "".join(ElementTree.fromstring(drawn).itertext())
    for part in ("True click-through rate", "originals (frozen)", "profile", "icg", "GAUC", "Simulated users"):
        assert part in words
    assert len(drawn) < 60_000
    assert chart(document["table"]) == drawn


def test_arms_come_in_the_order_of_the_table_and_nights_in_theirs(document):
    rows = by_arm(document["table"][::-1])
    assert list(rows) == ["icg", "profile", "best drawing", "original"]
    assert [each["night"] for each in rows["icg"]] == [1, 2]


def test_files_are_written_from_the_first_finished_night_on(document, tmp_path):
    write_report(tmp_path, {**document, "table": []})
    assert [path.name for path in tmp_path.iterdir()] == [TABLE]
    assert json.loads((tmp_path / TABLE).read_text())["simulated"] is True
    write_report(tmp_path, document)
    assert {path.name for path in tmp_path.iterdir()} == {TABLE, PAGE, CHART}
    assert json.loads((tmp_path / TABLE).read_text())["table"] == document["table"]
