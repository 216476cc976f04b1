"""The ``painter`` model of Triton's python backend: tensors in, tensors out.

The repository holds a copy of this file as ``painter/1/model.py``. All that decides a
picture lies in the painters that :mod:`generation.serving.painters` opens and in :mod:`generation.serving.requests`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from generation.serving.painters import open_painter
from generation.serving.requests import paint_batch
from generation.types import PaintRequest, PaintResult

INPUTS = ("PROMPT", "REFERENCE", "PREFERENCE", "SEED", "STEPS", "GUIDANCE", "METHOD")
OPTIONAL = ("HISTORY", "TOKENS", "PICTURES")


class TritonPythonModel:
    """Called by Triton; one per instance."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the checkpoint that the model's parameters name."""
        parameters = json.loads(args["model_config"])["parameters"]

        def text(name: str) -> str:
            return str(parameters[name]["string_value"])

        self.painter = open_painter(
            Path(text("checkpoint")) if text("checkpoint") else None,
            {method: Path(folder) for method, folder in json.loads(text("adapters")).items()},
            options=json.loads(text("options")),
            finishing=text("finishing"),
            threads=int(text("threads")),
        )

    def execute(self, requests: list[Any]) -> list[Any]:
        """Paint the rows of all requests of one dynamic batch together."""
        rows = [_rows(request) for request in requests]
        results = iter(paint_batch(self.painter, [row for batch in rows for row in batch]))
        return [_response([next(results) for _ in batch]) for batch in rows]


def _rows(request: Any) -> list[PaintRequest]:
    def tensor(name: str) -> Any:
        return pb_utils.get_input_tensor_by_name(request, name).as_numpy()

    columns = [tensor(name) for name in INPUTS]
    for name in OPTIONAL:
        given = pb_utils.get_input_tensor_by_name(request, name)
        columns.append([None] * len(columns[0]) if given is None else given.as_numpy())
    return [
        PaintRequest(
            prompt=prompt[0].decode(),
            reference=reference,
            preference=preference,
            seed=int(seed[0]),
            steps=int(steps[0]),
            guidance=float(guidance[0]),
            method=method[0].decode(),
            history=history,
            tokens=tokens,
            pictures=pictures,
        )
        for prompt, reference, preference, seed, steps, guidance, method, history, tokens, pictures in zip(
            *columns, strict=True
        )
    ]


def _response(results: list[PaintResult]) -> Any:
    failed = next((result.error for result in results if result.error), None)
    if failed is not None:
        kind, _, message = failed.partition(": ")
        codes = {"INVALID_ARGUMENT": pb_utils.TritonError.INVALID_ARG, "INTERNAL": pb_utils.TritonError.INTERNAL}
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, codes[kind]))
    pictures = np.stack([result.picture for result in results if result.picture is not None])
    generators = np.array([[result.generator.encode()] for result in results], dtype=np.object_)
    return pb_utils.InferenceResponse([pb_utils.Tensor("PICTURE", pictures), pb_utils.Tensor("GENERATOR", generators)])
