"""What evaluation wants to have at hand before the first night; part of ``coverlift setup``."""

from collections.abc import Callable

from recsys_eval.judge import known_drawings


def prepare(say: Callable[[str], None]) -> None:
    """Compute what is not there yet."""
    known_drawings.prepare(say)
