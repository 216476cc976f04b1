"""A night's progress as JSON, an object a line, for log collectors."""

import json
import logging
from types import TracebackType
from typing import IO, Any, Self

from conf.errors import exit_code_of
from jobs.lake.context import StageResult
from jobs.observation.attempt import Clock, wall_clock


class JsonLines:
    """A screen (:class:`jobs.progress.Screen`) of JSON lines; warnings of the libraries come as lines, too.

    Parameters
    ----------
    out
        Where they go.
    ds
        The night.
    clock
        The time.
    """

    def __init__(self, out: IO[str], ds: str, clock: Clock = wall_clock) -> None:
        self.out, self.ds, self.clock = out, ds, clock
        self.stage: str | None = None
        self.handler = _Records(self)

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self.handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.tell("error", type=type(error).__name__, message=str(error), exit_code=exit_code_of(error))
        logging.getLogger().removeHandler(self.handler)

    def tell(self, event: str, **fields: Any) -> None:
        """Write a line."""
        line = {"time": self.clock().isoformat(), "ds": self.ds, "stage": self.stage, "event": event, **fields}
        self.out.write(json.dumps(line, default=str) + "\n")
        self.out.flush()

    def skipped(self, stage: str, reason: str) -> None:
        """A stage need not run."""
        self.stage = stage
        self.tell("skipped", reason=reason)

    def started(self, stage: str, reason: str) -> None:
        """A stage begins."""
        self.stage = stage
        self.tell("started", reason=reason)

    def progress(self, done: int, total: int, what: str) -> None:
        """The running stage has done ``done`` of ``total``."""
        self.tell("progress", done=done, total=total, what=what)

    def finished(self, stage: str, seconds: float, result: StageResult) -> None:
        """A stage came to its end."""
        told = {"seconds": round(seconds, 3), "rows": result.rows, "metrics": result.metrics, "note": result.note}
        self.tell("finished", **told)

    def failed(self, stage: str, seconds: float) -> None:
        """A stage raised an error, whose line comes last."""
        self.tell("failed", seconds=round(seconds, 3))


class _Records(logging.Handler):
    """Log records of warnings and worse, as lines."""

    def __init__(self, lines: JsonLines) -> None:
        super().__init__(logging.WARNING)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.tell("log", level=record.levelname.lower(), logger=record.name, message=record.getMessage())
