"""The painter that the settings ask for, opened alike inside Triton and in process."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conf.settings import GenerationSettings
from generation.finishing.finishings import FINISHINGS, finished_fingerprint
from generation.personalization.methods import adapter_folders, adapter_openers, foreign_painters, painter_options
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
        """(B, H, W, 3) uint8 RGB by the method's painter; see :class:`generation.serving.requests.Painter`."""
        return self._painter(method).paint(method=method, **request)

    def _painter(self, method: str) -> Painter:
        if method not in self.painters:
            raise ValueError(f"this painter has no method {method!r}: it has {sorted(self.painters)}")
        return self.painters[method]


class Finished:
    """Paints as another painter does and finishes every cover.

    Parameters
    ----------
    painter
        Paints.
    finishing
        A name in :data:`generation.finishing.finishings.FINISHINGS`.
    """

    def __init__(self, painter: Painter, finishing: str) -> None:
        self.painter = painter
        self.finishing = finishing

    def fingerprint_of(self, method: str) -> str:
        """Of the painter's and the finishing together; ValueError where the method is not loaded."""
        return finished_fingerprint(self.painter.fingerprint_of(method), self.finishing)

    def paint(self, *, references: NDArray[np.uint8], **request: Any) -> NDArray[np.uint8]:
        """(B, H, W, 3) uint8 RGB; see :class:`generation.serving.requests.Painter`."""
        painted = self.painter.paint(references=references, **request)
        return FINISHINGS[self.finishing].apply(painted, references)


def painter_of(settings: GenerationSettings) -> Painter:
    """The painter that settings name, with the weights of their methods; see :func:`open_painter`."""
    checkpoint = Path(settings.checkpoint) if settings.checkpoint else None
    return open_painter(
        checkpoint, adapter_folders(settings), options=painter_options(settings), finishing=settings.finishing
    )


def open_painter(
    checkpoint: Path | None,
    adapters: Mapping[str, Path],
    *,
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    threads: int | None = None,
    finishing: str = "none",
) -> Painter:
    """The built-in painter with its adapters, and beside it painters over other generators.

    Parameters
    ----------
    checkpoint
        Of the built-in generator; None is the shipped one.
    adapters
        Folder by method: weights over the built-in generator, or a whole model over another one.
    options
        Further arguments by method of those over other generators
        (:func:`generation.personalization.methods.painter_options`).
    threads
        Of torch; None leaves them.
    finishing
        Of covers of the built-in generator: ``none`` leaves them as they were painted, and covers of other generators
        always are.
    """
    from generation.diffusion.painter import Painter as BuiltinPainter

    foreign = {name: foreign_painters(name, folder) for name, folder in adapters.items()}
    own = {name: folder for name, folder in adapters.items() if foreign[name] is None}
    builtin = BuiltinPainter.load(checkpoint, threads=threads, adapters=adapter_openers(own))
    shipped: Painter = builtin if finishing == "none" else Finished(builtin, finishing)
    if len(own) == len(adapters):
        return shipped
    painters: dict[str, Painter] = {
        name: module.open_painter(adapters[name], **options.get(name, {}))
        for name, module in foreign.items()
        if module is not None
    }
    return ByMethod({**dict.fromkeys(builtin.adapters, shipped), **painters})
