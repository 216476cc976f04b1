import math
import subprocess
import time

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from benchmarks.night import PEER_SECONDS, Line, lines_of, needed_passes, parsed, speed, table, timed_command
from conf.settings import GenerationSettings
from jobs.lake.schema.covers import GENERATION_PLAN
from jobs.lake.schema.runs import RUNS

FAN = {"pref_embedding": [0.0] * 128, "pref_style": [0.5] + [0.0] * 31, "candidates": 3}
NOBODY = FAN | {"pref_style": [0.0] * 32}


def run_row(stage, rows, metrics, seconds):
    texts = dict.fromkeys(("fingerprint", "config_hash", "config", "code_version"), "x")
    lists = {"tables_read": [], "tables_written": [], "rows": list(rows.items()), "metrics": list(metrics.items())}
    row = {"ds": "2026-03-29", "stage": stage, "status": "done", "seconds": seconds, "note": None}
    return row | texts | lists


def unit_row(number, taste):
    texts = {name: f"{name}{number}" for name in GENERATION_PLAN.schema.names}
    numbers = {"seed": 1, "expected_gain": 0.0, "estimated_seconds": 0.0, "rank": number, "width": 64, "height": 64}
    empty = {"history_id": None, "tokens": None}
    return texts | {"ds": "2026-03-29", "purpose": "publish"} | numbers | empty | taste


@pytest.fixture
def finished(make_context):
    """A context over the tables of a night of which half of 12 pictures was painted already."""
    context = make_context(generation={"steps": 1, "guidance": [1.0, 1.1]})
    painting = {
        **{"pictures_painted": 6.0, "pictures_reused": 6.0, "pictures_asked_safety": 4.0, "cpu_seconds": 20.0},
        **{"paint_seconds": 4.0, "paint_cpu_seconds": 8.0, "score_seconds": 2.0, "score_cpu_seconds": 4.0},
        **{"safety_seconds": 1.0, "safety_cpu_seconds": 2.0},
    }
    rows = [
        run_row("generate", {"covers": 12}, painting, 9.0),
        run_row("encode", {"cover_features": 200, "title_features": 0}, {"cpu_seconds": 5.0}, 4.0),
        run_row("world", {}, {}, 1.5),
    ]
    for spec, found in (
        (RUNS, rows),
        (GENERATION_PLAN, [unit_row(0, FAN), unit_row(1, FAN), unit_row(2, NOBODY), unit_row(3, NOBODY)]),
    ):
        write_deltalake(context.lake.path(spec.name), pa.Table.from_pylist(found, schema=spec.schema))
    return context


def test_a_fan_costs_two_passes_where_guidance_is_on_and_nobody_one():
    settings = GenerationSettings(steps=2, guidance=(1.1, 1.0))
    assert needed_passes([FAN], settings) == 2 * (2 + 1 + 2)
    assert needed_passes([NOBODY], settings) == 2 * 3
    assert needed_passes([NOBODY | {"history_id": "h"}, NOBODY | {"tokens": [1]}], settings) == 2 * 10


def test_stages_come_in_order_with_the_passes_they_need(finished):
    lines = {line.name: line for line in lines_of(finished)}
    assert list(lines) == ["world", "encode", "generate", "  paint", "  score", "  safety"]
    assert math.isnan(lines["world"].cpu_seconds)
    assert lines["encode"].passes == {"picture encoder": 200}
    # a fan's three candidates take 1 + 2 + 1 passes, nobody's 3: 14 in all, of which half was painted
    assert lines["  paint"].passes == {"UNet": 7}
    assert lines["  score"].passes == {"picture encoder": 12}
    assert lines["  safety"].passes == {"OpenNSFW": 4}
    assert (lines["generate"].seconds, lines["  safety"].cpu_seconds) == (9.0, 2.0)


def test_the_table_sets_cpu_seconds_beside_bare_passes(finished):
    shown = table(list(lines_of(finished)), {"picture encoder": 100.0, "UNet": 3.5, "OpenNSFW": 2.0}).splitlines()
    assert shown[2].split() == ["encode", "4.0", "5.0", "1.25", "2.0", "0.40", "200", "picture", "encoder"]
    assert shown[4].split() == ["paint", "4.0", "8.0", "2.00", "2.0", "0.25", "7", "UNet"]
    assert shown[1].split() == ["world", "1.5"]
    assert [line.split() for line in shown if line.startswith("all")] == [["all", "14.5"]]


def test_bare_seconds_are_summed_over_networks():
    line = Line(name="encode", seconds=1, cpu_seconds=1, passes={"a": 10, "b": 4})
    assert line.bare({"a": 5.0, "b": 2.0}) == 4.0
    assert math.isnan(Line(name="plan", seconds=1, cpu_seconds=1, passes={}).bare({}))


def test_speed_counts_cpu_time_not_sleep():
    def work():
        time.sleep(0.01)
        begin = time.process_time()
        while time.process_time() - begin < 0.1:
            pass

    assert speed(work, 5) == pytest.approx(50, rel=0.2)
    assert PEER_SECONDS >= 1


def test_a_command_is_timed_and_its_failure_is_an_error(capsys):
    seconds, busy = timed_command(["--help"])
    assert 0 < busy <= seconds * 4
    with pytest.raises(subprocess.CalledProcessError):
        timed_command(["no-such-command"])
    assert "no-such-command" in capsys.readouterr().err


def test_without_a_home_a_night_is_run():
    assert parsed([]).home is None
    asked = parsed(["--home", "var", "--ds", "2026-03-29", "-o", "world.users=90", "-o", "a.b=1"])
    assert (str(asked.home), f"{asked.ds:%Y-%m-%d}", asked.override) == (
        "var",
        "2026-03-29",
        ["world.users=90", "a.b=1"],
    )


def test_a_stage_that_took_no_time_has_its_line():
    shown = table([Line(name="review-sync", seconds=0.01, cpu_seconds=0.0, passes={})], {})
    assert shown.splitlines()[1].split() == ["review-sync", "0.0", "0.0", "0.00"]
