"""The painter that the settings ask for, opened alike inside Triton and in process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.serving.requests import Painter


class ByMethod:
    """Paints each method with a painter of its own.

    Parameters
    ----------
    painters
        Method to painter.
    """

    def __init__(self, painters: Mapping[str, Painter]) -> None:
        self.painters = painters

    def fingerprint_of(self, method: str) -> str:
        """Of the method's painter; ValueError where there is none."""
        return self._painter(method).fingerprint_of(method)

    def paint(self, *, method: str, **request: Any) -> NDArray[np.uint8]:
        """(B, 64, 64, 3) uint8 RGB by the method's painter; see :class:`generation.serving.requests.Painter`."""
        return self._painter(method).paint(method=method, **request)

    def _painter(self, method: str) -> Painter:
        if method not in self.painters:
            raise ValueError(f"this painter has no method {method!r}: it has {sorted(self.painters)}")
        return self.painters[method]


def open_painter(checkpoint: Path | None, icg: Path | None, *, canvas: int, threads: int | None = None) -> Painter:
    """The built-in painter with its adapter, or beside it an ICG model over public checkpoints.

    Parameters
    ----------
    checkpoint
        Of the built-in generator; None is the shipped one.
    icg
        Folder of the method ``icg``: a built-in adapter, or what ``save_icg`` wrote; None is ``profile`` only.
    canvas
        Width and height at which a public pipeline paints, pixels.
    threads
        Of torch; None leaves them.
    """
    from generation.diffusion.painter import Painter as BuiltinPainter

    if icg is None or not _is_public(icg):
        return BuiltinPainter.load(checkpoint, threads=threads, icg=icg)
    from generation.personalization.icg.public.pipelines import PipelinePainter

    profile = BuiltinPainter.load(checkpoint, threads=threads)
    return ByMethod({"profile": profile, "icg": PipelinePainter.load(icg, canvas=canvas)})


def _is_public(folder: Path) -> bool:
    from generation.personalization.icg.public.store import is_saved

    return is_saved(folder)
