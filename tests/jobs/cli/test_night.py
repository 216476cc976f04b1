"""The night as a command."""

import json
import os

import pytest

from jobs import stages
from jobs.lock import only_one
from tests.support.runs.command import call


def test_a_dry_run_says_why_and_leaves_no_trace(tmp_path):
    home = tmp_path / "home"
    done = call("nightly", "--profile", "test", "--home", home, "--ds", "2026-03-20", "--dry-run")
    assert done.exit_code == 0
    assert "Night 2026-03-20" in done.output
    default = [stage for stage in stages.STAGES if stage.need is None and not stage.unless_off]
    assert done.output.count("would run") == len(default)
    assert "users: 120" in done.output
    assert not home.exists()


def test_a_busy_home_ends_with_75(failing, tmp_path):
    failing(None)
    with only_one(tmp_path):
        done = call("report", "--home", tmp_path)
    assert done.exit_code == 75
    assert str(os.getpid()) in done.output


def test_a_stage_that_is_off_has_nothing_to_do_and_one_of_another_input_is_wrong_usage(tmp_path):
    done = call("titles", "--home", tmp_path)
    assert (done.exit_code, "policy.titles=off" in done.output) == (99, True)
    done = call("world", "--home", tmp_path, "-o", "ingest.source=files")
    assert (done.exit_code, "belongs to ingest.source=stickers" in done.output) == (2, True)


def test_stages_are_data_for_schedulers(tmp_path):
    told = json.loads(call("stages", "--json", "--source", "files").stdout)
    names = [stage["name"] for stage in told["stages"]]
    assert names == [stage.name for stage in stages.STAGES if stage.source is None]
    plan = next(stage for stage in told["stages"] if stage["name"] == "plan")
    assert plan["command"] == "coverlift plan"
    assert "generation_plan" in plan["writes"]
    assert all(name in names for stage in told["stages"] for name in stage["after"])
    generate = next(stage for stage in told["stages"] if stage["name"] == "generate")
    assert generate["after"] == ["plan", "drift"], "a night that drift ends is not painted"
    assert told["exit_codes"]["retry_later"] == [75]


def test_a_stage_that_no_method_of_the_night_needs_has_nothing_to_do(tmp_path):
    done = call("preference-tokens", "--home", tmp_path)
    assert done.exit_code == 99
    assert "no method of the night (profile) is told tokens" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("stages", "--source", "sticker"), "--source sticker: expected one of"),
        (("plan", "--json"), "--json goes with --dry-run"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(command, message):
    done = call(*command)
    assert (done.exit_code, message in " ".join(done.output.split())) == (2, True)


def test_a_dry_run_is_told_as_json(tmp_path):
    done = call("nightly", "--home", tmp_path / "home", "--dry-run", "--json")
    told = json.loads(done.stdout)
    assert told["ds"] == "2026-03-29"
    assert {stage["reason"] for stage in told["stages"]} == {"never ran for this night"}
    assert told["settings"]["generation"]["method"] == "profile"
    assert not (tmp_path / "home").exists()
