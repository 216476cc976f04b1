"""What the registry of methods asks of a folder that holds codes over a public pipeline."""

from pathlib import Path
from typing import TYPE_CHECKING

from generation.personalization.dppmg.pictures.public.store import is_saved, painting_fingerprint

if TYPE_CHECKING:
    from generation.personalization.dppmg.pictures.public.pipelines import CodedPainter

__all__ = ["is_saved", "open_painter", "painting_fingerprint"]


def open_painter(folder: Path) -> "CodedPainter":
    """The model of a folder as a painter."""
    from generation.personalization.dppmg.pictures.public.pipelines import CodedPainter

    return CodedPainter.load(folder)
