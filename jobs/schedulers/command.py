"""One stage as a scheduler runs it: a command, its output, and what its exit code asks for."""

import subprocess
from collections.abc import Callable, Sequence
from enum import Enum

NEVER_RETRY = (2, 3, 4)
"""Wrong settings, an input that breaks its contract, a shut gate: the same again changes nothing."""
TRY_AGAIN, NOTHING_TO_DO = 75, 99


class Outcome(Enum):
    """What a scheduler does after a command."""

    DONE = "done"
    SKIP = "skip"
    RETRY = "retry"
    FAIL = "fail"


def outcome_of(exit_code: int) -> Outcome:
    """What an exit code of ``coverlift`` asks for; killed by a signal (negative) or an unknown error is tried again.

    Examples
    --------
    >>> [outcome_of(code).value for code in (0, 3, 75, 99, 1, -9)]
    ['done', 'fail', 'retry', 'skip', 'retry', 'retry']
    """
    if exit_code == 0:
        return Outcome.DONE
    if exit_code == NOTHING_TO_DO:
        return Outcome.SKIP
    return Outcome.FAIL if exit_code in NEVER_RETRY else Outcome.RETRY


def stage_command(coverlift: str, stage: str, *, home: str, ds: str, options: Sequence[str] = ()) -> tuple[str, ...]:
    """The command of a stage for a night, with JSON lines as its log."""
    return (coverlift, stage, "--ds", ds, "--home", home, "--log-format", "json", *options)


def run_command(command: Sequence[str], say: Callable[[str], None]) -> tuple[int, str]:
    """Run a command and hand on its lines as they come.

    Parameters
    ----------
    command
        Program and arguments.
    say
        Gets each line of output and errors.

    Returns
    -------
    int, str
        Exit code and the last line, which says what went wrong.
    """
    last = ""
    with subprocess.Popen(  # noqa: S603  (the scheduler's own configuration names it)
        list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line.rstrip() or last
            say(line.rstrip())
    return process.returncode, last
