import io

from rich.console import Console

from jobs.maintenance.removed import SMALL_FILES, VERSIONS, Removed, as_data, show

WENT = [
    Removed(place="runs", why=SMALL_FILES, number=1200, size=5000),
    Removed(place="runs", why=VERSIONS, number=3, size=1_000_000),
]


def shown(removed, **how):
    console = Console(file=io.StringIO(), width=100)
    show(removed, console, **how)
    return console.file.getvalue()


def test_it_is_told_in_words_and_as_data():
    assert "1,200" in shown(WENT, dry_run=False)
    assert "1,000,000 bytes freed" in shown(WENT, dry_run=False)
    assert "1,000,000 bytes would be freed" in shown(WENT, dry_run=True)
    assert "Nothing to do" in shown([], dry_run=False)
    told = as_data(WENT, ds="2026-03-29", home="/data", dry_run=True)
    assert told["bytes_freed"] == 1_000_000
    assert told["removed"][1] == {"place": "runs", "why": "old versions", "number": 3, "size": 1_000_000}
