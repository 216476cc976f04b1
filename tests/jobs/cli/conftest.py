"""A stage that fails as a test wishes."""

import pytest

from jobs import stages
from jobs.lake.context import StageResult


@pytest.fixture
def failing(monkeypatch):
    """Make the publish stage raise an error, or return, without Spark being asked to remember it."""

    def fail(error):
        def run(context):
            if error is not None:
                raise error
            return StageResult()

        monkeypatch.setattr(stages.Stage, "load", lambda self: run)
        monkeypatch.setattr("jobs.nightly.record", lambda *args, **kwargs: None)

    return fail
