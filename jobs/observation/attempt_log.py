"""Every attempt at every stage, for good: the table ``run_attempts``, appended to without Spark.

``runs`` knows the last run of a stage. Here earlier ones stay, with their errors, and a stage that was killed is one
that began and did not end.
"""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from jobs.lake.lake import Lake
from jobs.lake.schema.runs import RUN_ATTEMPTS
from jobs.observation.attempt import Attempt


class AttemptLog:
    """Appends to ``run_attempts``: a row when a stage begins, a row when it ends.

    Parameters
    ----------
    lake
        Of the night.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def began(self, attempt: Attempt) -> None:
        """Append that the stage began."""
        self._append(attempt, attempt.started_at)

    def ended(self, attempt: Attempt) -> None:
        """Append how it ended."""
        assert attempt.ended_at is not None
        self._append(attempt, attempt.ended_at)

    def _append(self, attempt: Attempt, at: datetime) -> None:
        row = {
            "ds": attempt.ds,
            "stage": attempt.stage,
            "attempt": attempt.attempt,
            "run_id": attempt.run_id,
            "night_id": attempt.night_id,
            "status": attempt.status,
            "at": at,
            "exit_code": attempt.exit_code,
            "error": attempt.error or None,
        }
        self.lake.append(pa.Table.from_pylist([row], schema=RUN_ATTEMPTS.schema), "run_attempts")


def attempts_before(lake: Lake, ds: str) -> dict[str, int]:
    """How often each stage was begun for a night so far."""
    if not lake.exists("run_attempts"):
        return {}
    rows = lake.read("run_attempts", ds=ds, columns=["stage", "status"])
    begun = rows.filter(pc.field("status") == "running")["stage"].value_counts().to_pylist()
    return {each["values"]: each["counts"] for each in begun}
