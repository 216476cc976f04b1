"""What every training here keeps: averaged weights, and checkpoints in one safetensors file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from conf.errors import UsageError


def follow(average: Mapping[str, Tensor], current: Mapping[str, Tensor], *, ema: float, step: int) -> None:
    """Let averaged weights follow the current ones, faster during the first steps.

    Parameters
    ----------
    average, current
        By name; ``average`` is changed in place.
    ema
        Decay, reached after some steps.
    step
        Optimiser steps taken.
    """
    decay = min(ema, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, tensor in current.items():
            average[name].lerp_(tensor, 1 - decay)


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and metadata in one safetensors file, then rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, part, metadata)
    part.replace(path)


def checkpoint_metadata(path: Path) -> dict[str, str]:
    """The metadata of :func:`write_checkpoint`."""
    with safe_open(path, "pt") as archive:
        found: dict[str, str] = archive.metadata()
    return found


def read_checkpoint(path: Path, settings: object, *, elsewhere: str) -> tuple[dict[str, Tensor], int]:
    """Tensors of a checkpoint and the step at which it was written.

    Parameters
    ----------
    path
        Of :func:`write_checkpoint`, with ``step`` and ``settings`` in the metadata.
    settings
        Of the run that wants to go on.
    elsewhere
        What to give for another place, for the message.

    Raises
    ------
    ValueError
        It was written under other settings.
    """
    metadata = checkpoint_metadata(path)
    if metadata["settings"] != repr(settings):
        raise ValueError(f"{path} belongs to other settings: delete it, or {elsewhere}")
    return load_file(path), int(metadata["step"])


def part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose name begins with ``prefix``, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def optimizer_state(optimizer: torch.optim.Optimizer, name: str) -> dict[str, Tensor]:
    """State of an optimiser as named tensors."""
    return {
        f"{name}.{number}.{key}": torch.as_tensor(value)
        for number, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], name: str) -> None:
    """Take over what :func:`optimizer_state` gave."""
    full = optimizer.state_dict()
    count = sum(len(group["params"]) for group in full["param_groups"])
    state = {number: part_of(tensors, f"{name}.{number}.") for number in range(count)}
    known = {number: values for number, values in state.items() if values}
    optimizer.load_state_dict({"state": known, "param_groups": full["param_groups"]})


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def same_run(work: Path, about: Mapping[str, Any]) -> None:
    """Remember in ``about.json`` what a work folder is for, and refuse another run's.

    Raises
    ------
    UsageError
        The folder belongs to another run.
    """
    file, text = work / "about.json", json.dumps(about)
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise UsageError(f"{work} belongs to another run (see {file}): delete it, or give another --work")
    work.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
