"""The care of a home as a command."""

import json

from deltalake import write_deltalake

from jobs.lake.schema.tables import TABLES
from jobs.lock import only_one
from tests.support.runs.command import call
from tests.support.worlds.samples import sample


def test_it_waits_for_nobody_but_takes_the_lock_and_tells_what_went(make_context, tmp_path):
    rows = sample("run_attempts").cast(TABLES["run_attempts"].schema)
    for _ in range(3):
        write_deltalake(make_context().lake.path("run_attempts"), rows, partition_by=["ds"], mode="append")
    with only_one(tmp_path):
        assert call("maintain", "--home", tmp_path).exit_code == 75
        told = json.loads(call("maintain", "--home", tmp_path, "--dry-run", "--json").stdout)
        assert told["removed"][0]["number"] == 3
    done = call("maintain", "--home", tmp_path, "--keep-days", 2)
    assert (done.exit_code, "small files joined" in done.output) == (0, True)
    assert "Nothing to do" in call("maintain", "--home", tmp_path).output


def test_a_home_that_is_not_there_and_too_few_days_are_wrong_usage(tmp_path):
    done = call("maintain", "--home", tmp_path / "none", "--dry-run")
    assert (done.exit_code, "There is no home" in done.output) == (2, True)
    done = call("maintain", "--home", tmp_path, "-o", "maintain.partition_days={impressions: 3}")
    assert (done.exit_code, "is too few" in " ".join(done.output.split())) == (2, True)
    assert call("maintain", "--home", tmp_path, "--keep-days", 0).exit_code == 2


def test_forgetting_looks_first_takes_the_lock_and_knows_who_is_unknown(make_context, tmp_path, spark_lake):
    rows = sample("user_history", rows=2, user_id=["u1", "u2"])
    lake = make_context().lake
    lake.replace(rows, "user_history", ds="2026-03-02")
    with only_one(tmp_path):
        assert call("forget", "u1", "--home", tmp_path).exit_code == 75
        told = json.loads(call("forget", "u1", "--home", tmp_path, "--dry-run", "--json").stdout)
        assert told["tables"] == [{"table": "user_history", "rows": 1, "files": 1}]
    done = call("forget", "u1", "u9", "--home", tmp_path)
    assert (done.exit_code, "'u9'" in done.output) == (2, True)
    assert call("forget", "u1", "--home", tmp_path / "none").exit_code == 2
    done = call("forget", "u1", "--home", tmp_path)
    assert (done.exit_code, "Taken out" in done.output) == (0, True)
    assert lake.read("user_history")["user_id"].to_pylist() == ["u2"]
    done = call("forget", "u1", "--home", tmp_path)
    assert (done.exit_code, "Forgotten already" in done.output) == (99, True)
