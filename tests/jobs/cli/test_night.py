"""The night as a command."""

import os

from jobs import stages
from jobs.lock import only_one
from tests.support.command import call


def test_a_dry_run_says_why_and_leaves_no_trace(tmp_path):
    home = tmp_path / "home"
    done = call("nightly", "--profile", "test", "--home", home, "--ds", "2026-03-20", "--dry-run")
    assert done.exit_code == 0
    assert "Night 2026-03-20" in done.output
    assert done.output.count("would run") == len(stages.STAGES)
    assert "users: 120" in done.output
    assert not home.exists()


def test_a_busy_home_ends_with_75(failing, tmp_path):
    failing(None)
    with only_one(tmp_path):
        done = call("report", "--home", tmp_path)
    assert done.exit_code == 75
    assert str(os.getpid()) in done.output
