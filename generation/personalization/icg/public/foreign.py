"""What the registry of methods asks of a folder that holds a model over public checkpoints."""

from pathlib import Path
from typing import TYPE_CHECKING

from generation.personalization.icg.public.store import is_saved, painting_fingerprint

if TYPE_CHECKING:
    from generation.personalization.icg.public.pipelines import PipelinePainter

__all__ = ["is_saved", "open_painter", "painting_fingerprint"]


def open_painter(folder: Path) -> "PipelinePainter":
    """The model of a folder as a painter."""
    from generation.personalization.icg.public.pipelines import PipelinePainter

    return PipelinePainter.load(folder)
