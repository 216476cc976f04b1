"""One way to have pictures painted, whoever paints them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from conf.settings import GenerationSettings
from generation.serving.painters import painter_of
from generation.serving.requests import Painter, paint_batch
from generation.types import PaintRequest, PaintResult


class PaintBackend(Protocol):
    """Paints requests; ``tests/generation/serving/test_backends.py`` is its contract."""

    def fingerprint(self, method: str = "profile") -> str:
        """Fingerprint of the weights that a method paints with."""
        ...

    def paint(self, requests: Sequence[PaintRequest]) -> Iterator[PaintResult]:
        """One result per request, in any order, each with the index of its request.

        Raises
        ------
        TryAgainError
            When whoever paints cannot be reached.
        """
        ...


class InProcessPaint:
    """Paints in this process, in batches as large as Triton's."""

    def __init__(self, painter: Painter, *, max_batch: int) -> None:
        self.painter = painter
        self.max_batch = max_batch

    def fingerprint(self, method: str = "profile") -> str:
        """Fingerprint of what is loaded."""
        return self.painter.fingerprint_of(method)

    def paint(self, requests: Sequence[PaintRequest]) -> Iterator[PaintResult]:
        """Results batch by batch, in the order of the requests."""
        for start in range(0, len(requests), self.max_batch):
            for result in paint_batch(self.painter, requests[start : start + self.max_batch]):
                yield PaintResult(
                    index=start + result.index,
                    picture=result.picture,
                    generator=result.generator,
                    error=result.error,
                )


def open_backend(settings: GenerationSettings, logs: Path) -> AbstractContextManager[PaintBackend]:
    """The backend that ``generation.backend`` names; leaving the block ends a server it started.

    Raises
    ------
    UsageError
        When the ``triton`` backend has no URLs.
    TryAgainError
        When the local server does not start.
    """
    openers = {"triton-local": _local, "triton": _remote, "inprocess": _in_process}
    return openers[settings.backend](settings, logs)


@contextmanager
def _local(settings: GenerationSettings, logs: Path) -> Iterator[PaintBackend]:
    from generation.serving.client import TritonPaint
    from generation.serving.server import LocalTriton

    with LocalTriton(settings, logs) as server:
        yield TritonPaint(urls=(server.url,), in_flight=settings.in_flight, timeout_s=settings.timeout_s)


@contextmanager
def _remote(settings: GenerationSettings, _logs: Path) -> Iterator[PaintBackend]:
    from generation.serving.client import TritonPaint

    yield TritonPaint(urls=settings.urls, in_flight=settings.in_flight, timeout_s=settings.timeout_s)


@contextmanager
def _in_process(settings: GenerationSettings, _logs: Path) -> Iterator[PaintBackend]:
    yield InProcessPaint(painter_of(settings), max_batch=settings.max_batch)
