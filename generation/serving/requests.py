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

from generation.clicked_covers import refused_pictures
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
        pictures: Sequence[NDArray[np.uint8]] | None = None,
    ) -> NDArray[np.uint8]:
        """(B, H, W, 3) uint8 RGB pictures, as large as the references; ``guidance`` is (B,).

        Where the method needs them and the requests have them, ``histories`` (B, 48, 165), ``tokens`` (B, 6) and
        ``pictures``, B times (K, h, w, 3), too.
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
    """Why the history, the tokens or the pictures of a request cannot be taken, or None."""
    spec = METHODS.get(request.method)  # a method that there is not is refused by the painter
    if spec is None:
        return None
    for name, value in (("history", request.history), ("tokens", request.tokens), ("pictures", request.pictures)):
        if value is not None and name not in spec.may_need:
            return f"{name} is given, and the method {request.method} takes none: leave it out"
    reasons = (
        None if request.history is None else refused_history(request.history),
        None if request.tokens is None else refused_tokens(request.tokens, spec.codes),
        None if request.pictures is None else refused_pictures(request.pictures),
    )
    return next((reason for reason in reasons if reason is not None), None)


def paint_batch(painter: Painter, requests: Sequence[PaintRequest]) -> list[PaintResult]:
    """Paint requests that arrived together, those with equal steps and method in one batch, without guidance apart.

    So are those with a history, with tokens or with pictures, and those to be painted at one size.

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

    def same_run(index: int) -> tuple[Any, ...]:
        asked = requests[index]
        told = asked.history is None, asked.tokens is None, asked.pictures is None
        return asked.steps, asked.guidance == 1, asked.method, *told, asked.reference.shape

    for _, group in groupby(sorted(sound, key=same_run), key=same_run):
        results.update({result.index: result for result in _painted(painter, requests, list(group))})
    return [results[index] for index in range(len(requests))]


def _extras(requests: Sequence[PaintRequest]) -> dict[str, Any]:
    """Histories, tokens and pictures of requests that all have them, or none."""
    found: dict[str, Any] = {}
    histories = [request.history for request in requests if request.history is not None]
    tokens = [request.tokens for request in requests if request.tokens is not None]
    if histories:
        found["histories"] = np.stack(histories)
    if tokens:
        found["tokens"] = np.stack(tokens)
    if all(request.pictures is not None for request in requests):
        found["pictures"] = [request.pictures for request in requests]
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
