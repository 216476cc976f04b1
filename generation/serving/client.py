"""Painting through Triton over gRPC, many requests in flight, over one server or several."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from conf.errors import TryAgainError, UsageError
from generation.serving.repository import MODEL
from generation.types import PREFERENCE_DIM, SIZE, PaintRequest, PaintResult

UNREACHABLE = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")
"""States in which the server, not the request, is at fault."""
NOT_THERE = "NOT_FOUND"
FAILED = "INTERNAL"
"""An exception in the model, or a crashed stub."""
OUTPUTS = ("PICTURE", "GENERATOR")


def probe_request(method: str = "profile") -> PaintRequest:
    """The smallest real inference: one step on a blank reference."""
    return PaintRequest(
        prompt="probe",
        reference=np.full((SIZE, SIZE, 3), 255, np.uint8),
        preference=np.zeros(PREFERENCE_DIM, np.float32),
        seed=0,
        steps=1,
        guidance=1.0,
        method=method,
    )


def status_of(error: BaseException) -> str:
    """Status of an InferenceServerException (``StatusCode.UNAVAILABLE`` -> ``UNAVAILABLE``), else ``""``."""
    status = getattr(error, "status", None)
    return str(status()).rpartition(".")[2] if callable(status) else ""


@dataclass(frozen=True, kw_only=True)
class TritonPaint:
    """A :class:`~generation.serving.backends.PaintBackend` that asks Triton servers.

    May be pickled to Spark workers. UNAVAILABLE, DEADLINE_EXCEEDED and connection errors are
    retried on the next server of the list; INTERNAL is retried with one such request at a
    time, because an exception fails a whole batch; a refused request is never retried.
    """

    urls: tuple[str, ...]
    """gRPC addresses ``host:port``, used in turn."""
    in_flight: int = 64
    timeout_s: float = 120.0
    """For one attempt, queueing included."""
    attempts: int = 4

    def __post_init__(self) -> None:
        if not self.urls:
            raise UsageError(
                "The triton backend has no server to ask: name one with generation.urls, like '[\"gpu-1:8001\"]'"
            )

    def fingerprint(self, method: str = "profile") -> str:
        """Fingerprint of what a method paints with on the first server, from a tiny real inference.

        Raises
        ------
        TryAgainError
            When no server can be reached.
        """
        (result,) = self.paint([probe_request(method)])
        if result.error:
            raise TryAgainError(f"Triton at {', '.join(self.urls)} cannot paint: {result.error}")
        return result.generator

    def paint(self, requests: Sequence[PaintRequest]) -> Iterator[PaintResult]:
        """Results as they arrive, each with the index of its request.

        Raises
        ------
        TryAgainError
            When no server answers after all attempts; requests without a result were not painted.
        UsageError
            When a server is up but has no painter.
        """
        loop = asyncio.new_event_loop()
        try:
            conversation = _Conversation(self)
            try:
                yield from conversation.run(loop, requests)
            finally:
                loop.run_until_complete(conversation.close())
        finally:
            loop.close()


class _Conversation:
    """Open channels, requests in flight and who is asked next, for one call of ``paint``."""

    def __init__(self, backend: TritonPaint) -> None:
        self.backend = backend
        self.clients: dict[str, Any] = {}
        self.pending: set[asyncio.Task[PaintResult]] = set()
        self.turns = cycle(backend.urls)
        self.alone = asyncio.Lock()

    def run(self, loop: asyncio.AbstractEventLoop, requests: Sequence[PaintRequest]) -> Iterator[PaintResult]:
        waiting = iter(enumerate(requests))
        while True:
            free = self.backend.in_flight - len(self.pending)
            self.pending |= {loop.create_task(self._result(index, each)) for index, each in islice(waiting, free)}
            if not self.pending:
                return
            done, self.pending = loop.run_until_complete(
                asyncio.wait(self.pending, return_when=asyncio.FIRST_COMPLETED)
            )
            yield from (task.result() for task in done)

    async def close(self) -> None:
        for task in self.pending:
            task.cancel()
        await asyncio.gather(*self.pending, return_exceptions=True)
        await asyncio.gather(*(client.close() for client in self.clients.values()))

    async def _result(self, index: int, request: PaintRequest) -> PaintResult:
        from tritonclient.utils import InferenceServerException

        try:
            return await self._attempts(index, request)
        except InferenceServerException as error:
            status = status_of(error)
            if status in (*UNREACHABLE, NOT_THERE):
                raise TryAgainError(
                    f"No answer from Triton at {', '.join(self.backend.urls)} after {self.backend.attempts} attempts: "
                    f"{status}: {error.message()}. Start the server or correct generation.urls, then run "
                    "`coverlift generate` again; what was painted is kept."
                ) from error
            return PaintResult(index=index, error=f"{status}: {error.message()}")

    async def _attempts(self, index: int, request: PaintRequest) -> PaintResult:
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: status_of(error) in (*UNREACHABLE, FAILED, NOT_THERE)),
            wait=wait_exponential_jitter(initial=0.2, max=3.0, jitter=0.2),
            stop=stop_after_attempt(self.backend.attempts),
            reraise=True,
        )
        failed_inside = False
        async for attempt in retrying:
            with attempt:
                try:
                    if not failed_inside:
                        return await self._ask(index, request)
                    async with self.alone:
                        return await self._ask(index, request)
                except Exception as error:
                    failed_inside = status_of(error) == FAILED
                    if status_of(error) == NOT_THERE and await self._ready():
                        raise UsageError(
                            f"Triton at {', '.join(self.backend.urls)} has no model {MODEL!r}: {error}. "
                            "Serve the model repository described in docs/serving.md."
                        ) from error
                    raise
        raise AssertionError("tenacity either returns or raises")

    async def _ready(self) -> bool:
        return all([await client.is_server_ready() for client in self.clients.values()])

    async def _ask(self, index: int, request: PaintRequest) -> PaintResult:
        from tritonclient.grpc import aio

        url = next(self.turns)
        if url not in self.clients:
            self.clients[url] = aio.InferenceServerClient(url)
        answer = await self.clients[url].infer(
            MODEL,
            _inputs(request),
            outputs=[aio.InferRequestedOutput(name) for name in OUTPUTS],
            client_timeout=self.backend.timeout_s,
        )
        generator = answer.as_numpy("GENERATOR")[0, 0].decode()
        return PaintResult(index=index, picture=answer.as_numpy("PICTURE")[0], generator=generator)


def _inputs(request: PaintRequest) -> list[Any]:
    """The request as a batch of one."""
    from tritonclient.grpc import InferInput

    tensors = {
        "PROMPT": (np.array([[request.prompt.encode()]], dtype=np.object_), "BYTES"),
        "REFERENCE": (request.reference[None], "UINT8"),
        "PREFERENCE": (request.preference[None], "FP32"),
        "SEED": (np.array([[request.seed]], np.int64), "INT64"),
        "STEPS": (np.array([[request.steps]], np.int32), "INT32"),
        "GUIDANCE": (np.array([[request.guidance]], np.float32), "FP32"),
        "METHOD": (np.array([[request.method.encode()]], dtype=np.object_), "BYTES"),
    }
    if request.history is not None:
        tensors["HISTORY"] = request.history[None], "FP32"
    if request.tokens is not None:
        tensors["TOKENS"] = request.tokens[None], "INT32"
    if request.pictures is not None:
        tensors["PICTURES"] = request.pictures[None], "UINT8"
    inputs = []
    for name, (value, kind) in tensors.items():
        tensor = InferInput(name, list(value.shape), kind)
        tensor.set_data_from_numpy(value)
        inputs.append(tensor)
    return inputs
