"""One stage as a scheduler runs it: a command, its output, and what its exit code asks for."""

import subprocess
from collections.abc import Callable, Sequence
from enum import Enum

from conf.errors import ContractError, GateError, NothingToDo, TryAgainError, UsageError

NEVER_RETRY = (UsageError.exit_code, ContractError.exit_code, GateError.exit_code)
"""The same again changes nothing."""
EXIT_CODES = {
    "done": 0,
    "never_retry": list(NEVER_RETRY),
    "retry_later": [TryAgainError.exit_code],
    "nothing_to_do": [NothingToDo.exit_code],
}
"""What a scheduler does with each, as data."""


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
    if exit_code == NothingToDo.exit_code:
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
