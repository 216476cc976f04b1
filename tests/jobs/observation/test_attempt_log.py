from datetime import UTC, datetime, timedelta

from conf.errors import TryAgainError
from jobs.observation.attempt import Attempt
from jobs.observation.attempt_log import AttemptLog, attempts_before
from tests.support.worlds import tiny

BEGIN = datetime(2026, 3, 29, 2, tzinfo=UTC)


def begun(number, **fields):
    return Attempt(night_id="n", ds=tiny.DS, stage="ingest", attempt=number, started_at=BEGIN, **fields)


def test_earlier_attempts_stay_and_a_killed_one_never_ended(make_context):
    lake = make_context(ds=tiny.DS).lake
    assert attempts_before(lake, tiny.DS) == {}
    log, first, killed = AttemptLog(lake), begun(1), begun(2)
    log.began(first)
    log.ended(first.failed(TryAgainError("the day has not arrived"), BEGIN + timedelta(seconds=2)))
    log.began(killed)
    rows = lake.read("run_attempts", ds=tiny.DS).to_pylist()
    found = {(row["run_id"], row["status"]): (row["exit_code"], row["error"]) for row in rows}
    assert found == {
        (first.run_id, "running"): (None, None),
        (first.run_id, "failed"): (75, "TryAgainError: the day has not arrived"),
        (killed.run_id, "running"): (None, None),
    }
    assert attempts_before(lake, tiny.DS) == {"ingest": 2}
    assert attempts_before(lake, "2026-03-28") == {}


def test_it_needs_no_spark(make_context, monkeypatch):
    lake = make_context(ds=tiny.DS).lake
    monkeypatch.setattr("jobs.lake.lake.start_session", lambda *_: (_ for _ in ()).throw(AssertionError("Spark")))
    AttemptLog(lake).began(begun(1))
    assert lake.version("run_attempts") == 0
