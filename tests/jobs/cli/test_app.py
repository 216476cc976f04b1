"""Errors as exit codes, and wrong usage."""

import pytest

from conf.errors import ContractError, GateError, NothingToDo, TryAgainError, UsageError
from tests.support.runs.command import call


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (UsageError("wrong"), 2),
        (ContractError("wrong"), 3),
        (GateError("wrong"), 4),
        (TryAgainError("wrong"), 75),
        (NothingToDo("wrong"), 99),
        (RuntimeError("wrong"), 1),
    ],
)
def test_each_error_has_its_exit_code_and_no_traceback(failing, tmp_path, error, code):
    failing(error)
    done = call("report", "--home", tmp_path)
    assert done.exit_code == code
    if error is not None:
        assert "wrong" in done.output
        assert "Traceback" not in done.output


def test_debug_shows_the_error_itself(failing, tmp_path):
    failing(GateError("wrong"))
    assert isinstance(call("report", "--home", tmp_path, "--debug").exception, GateError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nightly", "-o", "world.user=1"], "did you mean 'world.users'?"),
        (
            ["nightly", "--profile", "nowhere"],
            "local, pigeon-production, pipeline-production, test",
        ),
        (["nightly", "--config", "missing.yaml"], "missing.yaml cannot be read"),
        (["play", "-o", "ingest.source=files"], "play belongs to ingest.source=stickers"),
        (["backfill", "--from", "2026-03-02", "--to", "2026-03-01"], "is before --from"),
        (["inspect", "segment"], "did you mean 'segments'?"),
        (["inspect", "segments"], "coverlift features"),
        (["takedown", "f" * 64, "--reason", "x"], "coverlift generate"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_mends_it(tmp_path, arguments, message):
    done = call(*arguments, "--home", tmp_path)
    assert done.exit_code == 2
    assert message in done.output


def test_typers_own_usage_errors_end_with_2(tmp_path):
    assert call("nightly", "--ds", "yesterday").exit_code == 2
    assert call("no-such-command").exit_code == 2
