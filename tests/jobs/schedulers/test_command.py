import sys

import pytest

from jobs.schedulers.command import Outcome, outcome_of, run_command, stage_command


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        *[(0, Outcome.DONE), (99, Outcome.SKIP)],
        *[(2, Outcome.FAIL), (3, Outcome.FAIL), (4, Outcome.FAIL)],
        *[(75, Outcome.RETRY), (1, Outcome.RETRY), (-9, Outcome.RETRY)],
    ],
)
def test_exit_codes(code, outcome):
    assert outcome_of(code) is outcome


def test_lines_are_handed_on_and_the_last_one_says_why():
    said = []
    script = "import sys; print('one', flush=True); print('two', file=sys.stderr); print(); sys.exit(75)"
    assert run_command([sys.executable, "-c", script], said.append) == (75, "two")
    assert said == ["one", "two", ""]


def test_the_command_of_a_stage():
    found = stage_command("coverlift", "plan", home="/data", ds="2026-03-29", options=("--profile", "cluster"))
    assert " ".join(found) == "coverlift plan --ds 2026-03-29 --home /data --log-format json --profile cluster"
