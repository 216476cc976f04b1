"""The one way a painter is asked for a batch of pictures, and what it refuses.

What runs inside Triton and what runs in process both call :func:`paint_batch`: grouping,
refusals and the isolation of a failing request are the same code.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generation.history import refused_history, refused_tokens
from generation.personalization.methods import METHODS
from generation.types import PaintRequest, PaintResult

MAX_STEPS = 1000
MAX_GUIDANCE = 50.0


class Painter(Protocol):
    """What :class:`generation.diffusion.painter.Painter` offers."""

    def fingerprint_of(self, method: str) -> str:
        """Hash of all weights that a method paints with; ValueError where the method is not loaded."""
        ...

    def paint(
        self,
        *,
        prompts: list[str],
        references: NDArray[np.uint8],
        preferences: NDArray[np.float32],
        seeds: NDArray[np.int64],
        steps: int,
        guidance: NDArray[np.float32],
        method: str,
        histories: NDArray[np.float32] | None = None,
        tokens: NDArray[np.int32] | None = None,
    ) -> NDArray[np.uint8]:
        """(B, 64, 64, 3) uint8 RGB pictures; ``guidance`` is (B,).

        Where the method needs them and the requests have them, ``histories`` (B, 48, 165) and ``tokens`` (B, 6) too.
        """
        ...


def refusal(request: PaintRequest) -> str | None:
    """Why a request can never be painted, or None.

    Examples
    --------
    >>> blank = np.zeros((64, 64, 3), np.uint8), np.zeros(160, np.float32)
    >>> refusal(PaintRequest(prompt="fox", reference=blank[0], preference=blank[1], seed=1, steps=0, guidance=1.0))
    'steps is 0: expected 1 to 1000'
    """
    if not 1 <= request.steps <= MAX_STEPS:
        return f"steps is {request.steps}: expected 1 to {MAX_STEPS}"
    if not (math.isfinite(request.guidance) and 0 <= request.guidance <= MAX_GUIDANCE):
        return f"guidance is {request.guidance:g}: expected 0 to {MAX_GUIDANCE:g}"
    if request.seed < 0:
        return f"seed is {request.seed}: expected 0 or more"
    if not np.isfinite(request.preference).all():
        return "preference has values that are not finite"
    return _refused_extras(request)


def _refused_extras(request: PaintRequest) -> str | None:
    """Why the history or the tokens of a request cannot be taken, or None."""
    spec = METHODS.get(request.method)  # a method that there is not is refused by the painter
    if spec is None or (request.history is None and request.tokens is None):
        return None
    for name, value in (("history", request.history), ("tokens", request.tokens)):
        if value is not None and name not in spec.needs:
            return f"{name} is given, and the method {request.method} takes none: leave it out"
    reason = None if request.history is None else refused_history(request.history)
    if reason is None and request.tokens is not None:
        reason = refused_tokens(request.tokens, spec.codes)
    return reason


def paint_batch(painter: Painter, requests: Sequence[PaintRequest]) -> list[PaintResult]:
    """Paint requests that arrived together, those with equal steps and method in one batch, without guidance apart.

    So are those with a history or with tokens.

    A batch that fails is painted again one request at a time, so that a bad request fails alone.

    Returns
    -------
    list of PaintResult
        One per request, in the same order.
    """
    results: dict[int, PaintResult] = {}
    sound: list[int] = []
    for index, request in enumerate(requests):
        reason = refusal(request)
        if reason is None:
            sound.append(index)
        else:
            results[index] = PaintResult(index=index, error=f"INVALID_ARGUMENT: {reason}")

    def same_run(index: int) -> tuple[int, bool, str, bool, bool]:
        asked = requests[index]
        return asked.steps, asked.guidance == 1, asked.method, asked.history is None, asked.tokens is None

    for _, group in groupby(sorted(sound, key=same_run), key=same_run):
        results.update({result.index: result for result in _painted(painter, requests, list(group))})
    return [results[index] for index in range(len(requests))]


def _extras(requests: Sequence[PaintRequest]) -> dict[str, NDArray[Any]]:
    """Histories and tokens of requests that all have them, or none."""
    found: dict[str, NDArray[Any]] = {}
    histories = [request.history for request in requests if request.history is not None]
    tokens = [request.tokens for request in requests if request.tokens is not None]
    if histories:
        found["histories"] = np.stack(histories)
    if tokens:
        found["tokens"] = np.stack(tokens)
    return found


def _painted(painter: Painter, requests: Sequence[PaintRequest], chosen: list[int]) -> list[PaintResult]:
    method = requests[chosen[0]].method
    try:
        pictures = painter.paint(
            prompts=[requests[index].prompt for index in chosen],
            references=np.stack([requests[index].reference for index in chosen]),
            preferences=np.stack([requests[index].preference for index in chosen]),
            seeds=np.asarray([requests[index].seed for index in chosen], np.int64),
            steps=requests[chosen[0]].steps,
            guidance=np.asarray([requests[index].guidance for index in chosen], np.float32),
            method=method,
            **_extras([requests[index] for index in chosen]),
        )
        generator = painter.fingerprint_of(method)
    except Exception as error:  # whatever a model raises is this request's outcome, and reported as such
        if len(chosen) == 1:
            return [PaintResult(index=chosen[0], error=f"INTERNAL: {type(error).__name__}: {error}")]
        return [result for index in chosen for result in _painted(painter, requests, [index])]
    return [
        PaintResult(index=index, picture=picture, generator=generator)
        for index, picture in zip(chosen, pictures, strict=True)
    ]
