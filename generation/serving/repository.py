"""Triton's model repository for the painter, written from the settings.

On this machine and on a GPU server the repository is the same but for one line: the kind of
the instance group. Pictures may have any size: a request says with its reference what is to be painted, and Triton
batches requests whose inputs have equal shapes.
"""

import json
import os
import shutil
from pathlib import Path

from conf.settings import GenerationSettings
from generation.personalization.methods import adapter_folders, painter_options
from generation.types import HISTORY_DIM, HISTORY_EVENTS, PREFERENCE_DIM, TOKEN_SLOTS

MODEL = "painter"
QUEUE_DELAY_US = 20_000
"""How long a request waits for others to be batched with: a small part of the seconds a batch takes."""

CONFIG = """\
name: "{model}"
backend: "python"
max_batch_size: {max_batch}
input [
  {{ name: "PROMPT" data_type: TYPE_STRING dims: [ 1 ] }},
  {{ name: "REFERENCE" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }},
  {{ name: "PREFERENCE" data_type: TYPE_FP32 dims: [ {preference} ] }},
  {{ name: "SEED" data_type: TYPE_INT64 dims: [ 1 ] }},
  {{ name: "STEPS" data_type: TYPE_INT32 dims: [ 1 ] }},
  {{ name: "GUIDANCE" data_type: TYPE_FP32 dims: [ 1 ] }},
  {{ name: "METHOD" data_type: TYPE_STRING dims: [ 1 ] }},
  {{ name: "HISTORY" data_type: TYPE_FP32 dims: [ {events}, {event} ] optional: true }},
  {{ name: "TOKENS" data_type: TYPE_INT32 dims: [ {tokens} ] optional: true }},
  {{ name: "PICTURES" data_type: TYPE_UINT8 dims: [ -1, -1, -1, 3 ] optional: true }}
]
output [
  {{ name: "PICTURE" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] }},
  {{ name: "GENERATOR" data_type: TYPE_STRING dims: [ 1 ] }}
]
dynamic_batching {{
  preferred_batch_size: [ {preferred} ]
  max_queue_delay_microseconds: {delay}
}}
instance_group [ {{ kind: {kind} count: {instances} }} ]
parameters [
  {{ key: "checkpoint" value: {{ string_value: "{checkpoint}" }} }},
  {{ key: "adapters" value: {{ string_value: "{adapters}" }} }},
  {{ key: "options" value: {{ string_value: "{options}" }} }},
  {{ key: "finishing" value: {{ string_value: "{finishing}" }} }},
  {{ key: "threads" value: {{ string_value: "{threads}" }} }}
]
"""


def preferred_sizes(max_batch: int) -> list[int]:
    """Batch sizes the scheduler aims at: the largest and its half.

    Examples
    --------
    >>> preferred_sizes(16), preferred_sizes(1)
    ([8, 16], [1])
    """
    return sorted({max(1, max_batch // 2), max_batch})


def model_config(settings: GenerationSettings) -> str:
    """``config.pbtxt`` of the painter in protobuf's text format."""
    adapters = {name: str(folder.resolve()) for name, folder in adapter_folders(settings).items()}
    return CONFIG.format(
        model=MODEL,
        max_batch=settings.max_batch,
        preference=PREFERENCE_DIM,
        events=HISTORY_EVENTS,
        event=HISTORY_DIM,
        tokens=TOKEN_SLOTS,
        preferred=", ".join(map(str, preferred_sizes(settings.max_batch))),
        delay=QUEUE_DELAY_US,
        kind=settings.instance_kind,
        instances=settings.instances,
        checkpoint=_quoted(str(Path(settings.checkpoint).resolve()) if settings.checkpoint else ""),
        adapters=_quoted(json.dumps(adapters, sort_keys=True)),
        options=_quoted(json.dumps(painter_options(settings), sort_keys=True)),
        finishing=settings.finishing,
        threads=max(1, (os.cpu_count() or 1) // settings.instances),
    )


def _quoted(text: str) -> str:
    """What stands for a text inside quotation marks."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def write_repository(folder: Path, settings: GenerationSettings) -> Path:
    """Write ``<folder>/painter/{config.pbtxt,1/model.py}``; returns the folder."""
    version = folder / MODEL / "1"
    version.mkdir(parents=True, exist_ok=True)
    (folder / MODEL / "config.pbtxt").write_text(model_config(settings))
    shutil.copyfile(Path(__file__).with_name("painter_model.py"), version / "model.py")
    return folder
