"""Everybody who is told of a night, as one."""

import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from jobs.lake.context import Context, StageResult
from jobs.observation.attempt import Attempt, Clock, Observer, wall_clock
from jobs.observation.attempt_log import AttemptLog, attempts_before
from jobs.observation.lineage import Lineage
from jobs.observation.textfile import Textfile

logger = logging.getLogger(__name__)


class Observers:
    """Tells observers of attempts; one that fails is named in the log, and the night goes on.

    Parameters
    ----------
    observers
        Who is told, in this order.
    attempts
        How often each stage was begun for this night before.
    clock
        The time.
    """

    def __init__(
        self,
        observers: Iterable[Observer] = (),
        *,
        attempts: Mapping[str, int] | None = None,
        clock: Clock = wall_clock,
    ) -> None:
        self.observers = tuple(observers)
        self.attempts = dict(attempts or {})
        self.clock = clock
        self.night_id = str(uuid.uuid4())

    @classmethod
    def of(cls, context: Context) -> "Observers":
        """Those of the settings, the log of attempts first."""
        chosen, lake = context.settings.observe, context.lake
        observers: list[Observer] = [AttemptLog(lake)]
        if chosen.lineage_file or chosen.lineage_url:
            observers.append(
                Lineage(lake, namespace=chosen.lineage_namespace, file=chosen.lineage_file, url=chosen.lineage_url)
            )
        if chosen.metrics_file:
            observers.append(Textfile(Path(chosen.metrics_file)))
        return cls(observers, attempts=attempts_before(lake, context.ds.isoformat()))

    def begin(self, ds: str, stage: str, tables_read: Mapping[str, int]) -> Attempt:
        """A stage begins."""
        self.attempts[stage] = self.attempts.get(stage, 0) + 1
        attempt = Attempt(
            night_id=self.night_id,
            ds=ds,
            stage=stage,
            attempt=self.attempts[stage],
            started_at=self.clock(),
            tables_read=tables_read,
        )
        self._tell("began", attempt)
        return attempt

    def done(self, attempt: Attempt, result: StageResult, tables_written: Mapping[str, int]) -> None:
        """It came to its end."""
        self._tell(
            "ended",
            replace(
                attempt,
                ended_at=self.clock(),
                exit_code=0,
                tables_written=tables_written,
                rows=result.rows,
                metrics=result.metrics,
            ),
        )

    def failed(self, attempt: Attempt, error: BaseException) -> None:
        """It raised an error."""
        self._tell("ended", attempt.failed(error, self.clock()))

    def _tell(self, what: str, attempt: Attempt) -> None:
        for observer in self.observers:
            try:
                getattr(observer, what)(attempt)
            except Exception as error:
                name = type(observer).__name__
                logger.warning("%s was not told that %s %s: %s", name, attempt.stage, what, error)
