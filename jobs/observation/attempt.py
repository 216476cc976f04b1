"""An attempt to run a stage: its identity, when it began and ended, and how."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from conf.errors import exit_code_of

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """Now, in UTC. Stages never ask it; what others are told of a night has to."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at one stage."""

    night_id: str
    """UUID of the command that ran it."""
    ds: str
    stage: str
    attempt: int
    """From 1: how often the stage was begun for this night, this time included."""
    started_at: datetime
    tables_read: Mapping[str, int] = field(default_factory=dict)
    """Table to Delta version; -1 where it was missing."""
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    """UUID of its own."""
    ended_at: datetime | None = None
    """None while it runs."""
    exit_code: int | None = None
    """As ``coverlift <stage>`` ends with; None while it runs."""
    error: str = ""
    tables_written: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """``running``, ``done`` or ``failed``; an attempt that stays ``running`` was killed."""
        return "running" if self.ended_at is None else "done" if self.exit_code == 0 else "failed"

    @property
    def seconds(self) -> float:
        """Wall seconds; 0 while it runs."""
        return 0.0 if self.ended_at is None else (self.ended_at - self.started_at).total_seconds()

    def failed(self, error: BaseException, now: datetime) -> "Attempt":
        """The attempt, ended by an error."""
        said = str(error).strip().splitlines() or [""]
        return replace(
            self, ended_at=now, exit_code=exit_code_of(error), error=f"{type(error).__name__}: {said[0]}"[:500]
        )


class Observer(Protocol):
    """Who is told. An observer that fails is named in the log and changes nothing of the night."""

    def began(self, attempt: Attempt) -> None:
        """A stage begins."""
        ...

    def ended(self, attempt: Attempt) -> None:
        """It came to its end, or failed."""
        ...
