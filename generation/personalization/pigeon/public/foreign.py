"""What the registry of methods asks of a folder that holds a Pigeon over public checkpoints."""

from pathlib import Path

from generation.personalization.pigeon.public.pipelines import PigeonPipelinePainter
from generation.personalization.pigeon.public.store import is_saved, painting_fingerprint

__all__ = ["is_saved", "open_painter", "painting_fingerprint"]


def open_painter(folder: Path) -> PigeonPipelinePainter:
    """The model of a folder as a painter."""
    return PigeonPipelinePainter.load(folder)
