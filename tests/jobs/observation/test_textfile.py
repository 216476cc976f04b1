from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from conf.errors import TryAgainError
from jobs.lake.context import StageResult
from jobs.observation.observers import Observers
from jobs.observation.textfile import Textfile
from tests.support.worlds import tiny

BEGIN = datetime(2026, 3, 29, 2, tzinfo=UTC)


def values(path):
    """(metric, labels) -> value, read by Prometheus' own parser."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


def test_a_running_stage_is_seen_and_how_it_ended_stays(tmp_path):
    path, times = tmp_path / "collector" / "coverlift.prom", iter(BEGIN + timedelta(minutes=n) for n in range(9))
    observers = Observers([Textfile(path)], clock=lambda: next(times))
    attempt = observers.begin(tiny.DS, "generate", {})
    found = values(path)
    assert found["coverlift_stage_running", "generate"] == 1
    assert found["coverlift_stage_started_timestamp_seconds", "generate"] == BEGIN.timestamp()
    assert found["coverlift_night_timestamp_seconds", "generate"] == datetime(2026, 3, 29, tzinfo=UTC).timestamp()
    result = StageResult(rows={"generated_covers": 12}, metrics={"pictures_painted": 12.0, "paint_seconds": 3.0})
    observers.done(attempt, result, {})
    observers.failed(observers.begin(tiny.DS, "publish", {}), TryAgainError("not now"))
    found = values(path)
    assert found["coverlift_stage_running", "generate"] == 0
    assert found["coverlift_stage_seconds", "generate"] == 60
    assert found["coverlift_stage_success_timestamp_seconds", "generate"] == (BEGIN + timedelta(minutes=1)).timestamp()
    assert found["coverlift_stage_rows", "generate", "generated_covers"] == 12
    assert found["coverlift_pictures_painted", "generate"] == 12
    assert found["coverlift_stage_exit_code", "publish"] == 75
    assert ("coverlift_stage_success_timestamp_seconds", "publish") not in found


def test_attempts_are_counted(tmp_path):
    observers = Observers([Textfile(tmp_path / "a.prom")], attempts={"ingest": 2})
    observers.begin(tiny.DS, "ingest", {})
    assert values(tmp_path / "a.prom")["coverlift_stage_attempt", "ingest"] == 3
