"""What the registry of methods asks of a folder that holds a pipeline of ``diffusers``."""

from pathlib import Path
from typing import TYPE_CHECKING

from generation.personalization.pipeline.store import is_saved, painting_fingerprint

if TYPE_CHECKING:
    from generation.personalization.pipeline.painter import PlainPainter

__all__ = ["is_saved", "open_painter", "painting_fingerprint"]


def open_painter(folder: Path, *, strength: float) -> "PlainPainter":
    """The pipeline of a folder as a painter; raises as :meth:`PlainPainter.load`."""
    from generation.personalization.pipeline.painter import PlainPainter

    return PlainPainter.load(folder, strength=strength)
