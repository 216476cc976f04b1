"""What a night shows: live bars on a terminal, plain lines in a log."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from jobs.lake.context import StageResult


class Screen(Protocol):
    """Where the runner tells what happens."""

    def __enter__(self) -> Self:
        """Begin showing."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""
        ...

    def skipped(self, stage: str, reason: str) -> None:
        """A stage need not run."""
        ...

    def started(self, stage: str, reason: str) -> None:
        """A stage begins."""
        ...

    def progress(self, done: int, total: int, what: str) -> None:
        """The running stage has done ``done`` of ``total``."""
        ...

    def finished(self, stage: str, seconds: float, result: StageResult) -> None:
        """A stage came to its end."""
        ...

    def failed(self, stage: str, seconds: float) -> None:
        """A stage raised an error, which is shown elsewhere."""
        ...


def make_screen(console: Console, stages: list[str]) -> Screen:
    """Bars when the console is a terminal, else lines."""
    return Bars(console, stages) if console.is_terminal else Lines(console, stages)


def summary(result: StageResult) -> str:
    """One line about a stage's outcome: its note, else the rows it wrote."""
    return result.note or ", ".join(f"{table} {count:,}" for table, count in result.rows.items())


class Lines:
    """One line when a stage begins and one when it ends, for logs."""

    def __init__(self, console: Console, stages: list[str]) -> None:
        self.console = console
        self.width = max(map(len, stages), default=0)
        self.shown = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def _line(self, stage: str, state: str, text: str) -> None:
        line = f"{stage:<{self.width}}  {state:<8}  {text}".rstrip()
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def skipped(self, stage: str, reason: str) -> None:
        """A stage need not run."""
        self._line(stage, "skipped", reason)

    def started(self, stage: str, reason: str) -> None:
        """A stage begins."""
        self.stage, self.shown = stage, -1
        self._line(stage, "running", reason)

    def progress(self, done: int, total: int, what: str) -> None:
        """A line at every tenth of the work."""
        tenth = 10 * done // total if total else 10
        if tenth > self.shown:
            self.shown = tenth
            self._line(self.stage, "running", f"{done:,}/{total:,} {what}")

    def finished(self, stage: str, seconds: float, result: StageResult) -> None:
        """A stage came to its end."""
        self._line(stage, "ok", f"{seconds:.1f} s  {summary(result)}")

    def failed(self, stage: str, seconds: float) -> None:
        """A stage raised an error."""
        self._line(stage, "failed", f"{seconds:.1f} s")


class Bars:
    """All stages as live bars."""

    def __init__(self, console: Console, stages: list[str]) -> None:
        self.bars = Progress(
            TextColumn("{task.fields[state]}"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}"),
            console=console,
        )
        self.tasks: dict[str, TaskID] = {
            name: self.bars.add_task(name, total=1, start=False, state="[dim]·", text="") for name in stages
        }

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def _end(self, stage: str, state: str, text: str) -> None:
        task = self.tasks[stage]
        self.bars.stop_task(task)
        self.bars.update(task, state=state, text=escape(text))

    def skipped(self, stage: str, reason: str) -> None:
        """A stage need not run."""
        self.bars.update(self.tasks[stage], completed=1, state="[dim]–", text=f"[dim]{escape(reason)}")

    def started(self, stage: str, reason: str) -> None:
        """A stage begins; its bar pulses until it tells how much there is to do."""
        self.task = self.tasks[stage]
        self.bars.start_task(self.task)
        self.bars.update(self.task, total=None, state="[cyan]▶", text=escape(reason))

    def progress(self, done: int, total: int, what: str) -> None:
        """Move the running stage's bar."""
        self.bars.update(self.task, completed=done, total=total, text=escape(f"{done:,}/{total:,} {what}"))

    def finished(self, stage: str, seconds: float, result: StageResult) -> None:
        """A stage came to its end."""
        self.bars.update(self.tasks[stage], completed=1, total=1)
        self._end(stage, "[green]✓", summary(result))

    def failed(self, stage: str, seconds: float) -> None:
        """A stage raised an error."""
        self._end(stage, "[red]✗", "failed")
