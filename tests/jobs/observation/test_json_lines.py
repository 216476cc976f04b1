import io
import json
import logging
from datetime import UTC, datetime

import pytest

from conf.errors import TryAgainError
from jobs.lake.context import StageResult
from jobs.observation.json_lines import JsonLines

BEGIN = datetime(2026, 3, 29, 2, tzinfo=UTC)


def test_every_event_is_a_line_with_time_night_and_stage():
    out = io.StringIO()
    with JsonLines(out, "2026-03-29", clock=lambda: BEGIN) as lines:
        lines.skipped("world", "up to date")
        lines.started("ingest", "never ran")
        lines.progress(5, 10, 'files of "today"\n')
        logging.getLogger("jobs.ingest").warning("3 rows have %s", "no user")
        logging.getLogger("jobs.ingest").info("not worth a line")
        lines.finished("ingest", 1.23456, StageResult(rows={"items": 3}, note="3 items"))
    logging.getLogger("jobs.ingest").warning("after it")
    said = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(each["event"], each["stage"]) for each in said] == [
        ("skipped", "world"),
        ("started", "ingest"),
        ("progress", "ingest"),
        ("log", "ingest"),
        ("finished", "ingest"),
    ]
    assert {(each["time"], each["ds"]) for each in said} == {("2026-03-29T02:00:00+00:00", "2026-03-29")}
    assert said[2]["what"] == 'files of "today"\n'
    assert said[3]["message"] == "3 rows have no user"
    assert said[4]["seconds"] == 1.235


def test_the_error_comes_last_with_its_exit_code():
    out = io.StringIO()
    lines = JsonLines(out, "2026-03-29")
    lines.started("ingest", "never ran")
    lines.failed("ingest", 0.5)
    with pytest.raises(TryAgainError), lines:
        raise TryAgainError("the day has not arrived")
    assert json.loads(out.getvalue().splitlines()[-1]).items() >= {
        "event": "error", "exit_code": 75, "message": "the day has not arrived", "type": "TryAgainError"
    }.items()  # fmt: skip
