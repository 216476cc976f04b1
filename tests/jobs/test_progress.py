"""What a night shows."""

import io

import pytest
from rich.console import Console

from jobs.lake.context import StageResult
from jobs.progress import Bars, Lines


@pytest.mark.parametrize("kind", [Lines, Bars])
def test_screens_show_every_state(kind):
    console = Console(record=True, width=120, force_terminal=kind is Bars, file=io.StringIO())
    with kind(console, ["one", "two", "three"]) as screen:
        screen.skipped("one", "up to date")
        screen.started("two", "never ran")
        screen.progress(5, 10, "covers [painted]")
        screen.finished("two", 1.25, StageResult(rows={"covers": 1200}))
        screen.started("three", "code changed")
        screen.failed("three", 0.5)
    text = console.export_text()
    for part in ("one", "up to date", "covers 1,200", "failed"):
        assert part in text
