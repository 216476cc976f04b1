"""``coverlift simulate``: options, refusals and the dry run; the loop itself is in tests/jobs/test_simulate.py."""

import pytest

from tests.support.runs.command import call


def test_a_dry_run_says_how_much_there_is_to_do_and_leaves_no_trace(tmp_path):
    home = tmp_path / "home"
    done = call("simulate", "--nights", "3", "--methods", "profile", "--profile", "test", "--home", home, "--dry-run")
    assert done.exit_code == 0, done.output
    for part in ("3 nights, 2026-03-29 to 2026-03-31", "72 in all", "hours in all", "Users treated: 100%"):
        assert part in done.output
    assert not home.exists()


def test_a_share_of_the_users_may_be_kept_from_the_covers(tmp_path):
    done = call("simulate", "--home", tmp_path, "--dry-run", "-o", "world.play_share=0.8")
    assert "Users treated: 80%" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ds", "2026-03-20"], "the loop begins with the night of the world's last day, 2026-03-29"),
        (["--resume"], "holds no loop to go on with"),
        (["--methods", "igc"], "did you mean 'icg'?"),
        (["-o", "ingest.source=files"], "the loop needs the built-in world"),
        (["--nights", "0"], "greater than or equal to 1"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_mends_it(tmp_path, arguments, message):
    done = call("simulate", "--home", tmp_path, *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert not list(tmp_path.iterdir())
