from jobs.lake.context import StageResult
from jobs.observation.attempt_log import AttemptLog
from jobs.observation.lineage import Lineage
from jobs.observation.observers import Observers
from jobs.observation.textfile import Textfile
from tests.support.worlds import tiny


class Broken:
    def began(self, attempt):
        raise OSError("no space left")

    def ended(self, attempt):
        raise OSError("no space left")


class Kept:
    def __init__(self):
        self.seen = []

    def began(self, attempt):
        self.seen.append(attempt)

    ended = began


def test_one_that_fails_is_named_and_the_others_are_told(caplog):
    kept = Kept()
    observers = Observers([Broken(), kept])
    observers.done(observers.begin(tiny.DS, "plan", {"items": 3}), StageResult(rows={"generation_plan": 2}), {"x": 1})
    assert [each.status for each in kept.seen] == ["running", "done"]
    assert kept.seen[1].rows == {"generation_plan": 2}
    assert {each.night_id for each in kept.seen} == {observers.night_id}
    assert "Broken was not told that plan began: no space left" in caplog.text


def test_settings_name_who_is_told(make_context, tmp_path):
    chosen = {"lineage_file": str(tmp_path / "l.jsonl"), "metrics_file": str(tmp_path / "m.prom")}
    told = Observers.of(make_context(ds=tiny.DS, observe=chosen))
    assert [type(each) for each in told.observers] == [AttemptLog, Lineage, Textfile]
    assert [type(each) for each in Observers.of(make_context(ds=tiny.DS)).observers] == [AttemptLog]
