from datetime import UTC, datetime, timedelta

import pytest

from conf.errors import ContractError, TryAgainError
from jobs.observation.attempt import Attempt

BEGIN = datetime(2026, 3, 29, 2, tzinfo=UTC)


def attempt():
    return Attempt(night_id="n", ds="2026-03-29", stage="ingest", attempt=1, started_at=BEGIN)


def test_an_attempt_runs_until_it_ends():
    assert (attempt().status, attempt().seconds) == ("running", 0.0)
    assert attempt().run_id != attempt().run_id


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ContractError("no such column\nsecond line"), 3, "ContractError: no such column"),
        (TryAgainError("the day has not arrived"), 75, "TryAgainError: the day has not arrived"),
        (ValueError(), 1, "ValueError: "),
    ],
)
def test_an_error_ends_it_with_the_commands_exit_code(error, code, said):
    ended = attempt().failed(error, BEGIN + timedelta(seconds=90))
    assert (ended.status, ended.exit_code, ended.error, ended.seconds) == ("failed", code, said, 90.0)
