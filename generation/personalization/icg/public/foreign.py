"""What the registry of methods asks of a folder that holds a model over public checkpoints."""

from pathlib import Path
from typing import TYPE_CHECKING

from generation.personalization.icg.public.store import is_saved, painting_fingerprint

if TYPE_CHECKING:
    from generation.personalization.icg.public.pipelines import PipelinePainter

__all__ = ["is_saved", "open_painter", "painting_fingerprint"]


def open_painter(folder: Path, *, canvas: int) -> "PipelinePainter":
    """The model of a folder as a painter; ``canvas`` is the width and height it paints at, pixels."""
    from generation.personalization.icg.public.pipelines import PipelinePainter

    return PipelinePainter.load(folder, canvas=canvas)
