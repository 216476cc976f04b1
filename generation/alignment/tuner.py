"""What both ways of alignment share: trained weights, their average, the start point, saving, resuming.

Only the given parameters move. Several processes (``accelerate launch``) draw different rows and
average gradients before each step, so a network that is called through methods needs no wrapper.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor, nn

from generation.training_state import (
    checkpoint_metadata,
    follow,
    load_optimizer,
    optimizer_state,
    part_of,
    set_rate,
    write_checkpoint,
)
from reward_model.precision import autocast, compute_dtype


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """What every alignment run decides."""

    sampler_steps: int = 4
    """Steps of the path that is rewarded."""
    learning_rate: float = 1e-4
    warmup: int = 10
    """Steps of linear rise."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """Largest norm of a step's gradient."""
    ema: float = 0.99
    """Decay of the averaged weights that are shipped."""
    regularisation: float = 0.1
    """Weight of the distance to the start point."""
    accumulate: int = 1
    """Batches a step."""
    precision: Literal["float32", "bf16"] = "float32"
    """``bf16`` computes in bfloat16 where the hardware multiplies it; weights and optimiser stay float32."""
    checkpointing: bool = False
    """Recompute denoising steps in the backward pass instead of keeping their activations."""
    seed: int = 17


class Tuner:
    """Trained weights with their optimiser; a base for :class:`Draft` and :class:`PolicyGradient`.

    Parameters
    ----------
    parameters
        What moves, by name.
    settings
        Also part of the checkpoint: another run's is refused.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], settings: TuneSettings) -> None:
        if not parameters:
            raise ValueError("There is nothing to train: no parameter was given")
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available())
        self.settings = settings
        self.parameters = dict(parameters)
        self.start_point = {name: weight.detach().clone() for name, weight in self.parameters.items()}
        self.average = {name: weight.detach().clone() for name, weight in self.parameters.items()}
        self.optimizer = torch.optim.AdamW(
            list(self.parameters.values()), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.rate = 1.0
        """Factor of the learning rate; a guard that backs off lowers it."""
        self.step = 0
        self.returned = 0
        """Step at which it last returned to earlier weights."""

    @property
    def rank(self) -> int:
        """Number of this process."""
        return int(self.accelerator.process_index)

    def autocast(self) -> AbstractContextManager[Any]:
        """Around what may be computed in bfloat16, where the hardware multiplies it.

        Without autocast's cache: casts that it keeps from a pass without gradients, or from the start
        point, would be taken for the weights of the next pass.
        """
        device = self.accelerator.device
        dtype = compute_dtype(device) if self.settings.precision == "bf16" else torch.float32
        return autocast(device, dtype, cached=False)

    @contextmanager
    def at(self, weights: Mapping[str, Tensor]) -> Iterator[None]:
        """Inside, the network has these weights: the start point, or the average."""
        kept = {name: weight.data for name, weight in self.parameters.items()}
        try:
            for name, weight in self.parameters.items():
                weight.data = weights[name]
            yield
        finally:
            for name, weight in self.parameters.items():
                weight.data = kept[name]

    def descend(self) -> float:
        """One optimiser step on the gradients at hand; returns their norm before clipping."""
        weights = list(self.parameters.values())
        if self.accelerator.num_processes > 1:
            for weight in weights:
                if weight.grad is None:
                    weight.grad = torch.zeros_like(weight)
                weight.grad = self.accelerator.reduce(weight.grad, reduction="mean")
        rise = min(1.0, (self.step + 1) / max(1, self.settings.warmup))
        set_rate(self.optimizer, self.settings.learning_rate * rise * self.rate)
        norm = float(torch.nn.utils.clip_grad_norm_(weights, self.settings.clip))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        follow(self.average, self.parameters, ema=self.settings.ema, step=self.step)
        return norm

    def back_off(self, weights: Mapping[str, Tensor]) -> None:
        """Return to earlier averaged weights at half the learning rate, with a fresh optimiser."""
        with torch.no_grad():
            for name, weight in self.parameters.items():
                weight.copy_(weights[name])
                self.average[name].copy_(weights[name])
        self.optimizer.state.clear()
        self.rate, self.returned = self.rate / 2, self.step

    def save(self, path: Path) -> None:
        """Write everything a killed run needs in one safetensors file, then rename it into place."""
        if self.accelerator.is_main_process:
            self._write(path)
        self.accelerator.wait_for_everyone()

    def _write(self, path: Path) -> None:
        tensors = {f"weight.{name}": weight.detach() for name, weight in self.parameters.items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.items()}
        tensors |= {f"start.{name}": tensor for name, tensor in self.start_point.items()}
        tensors |= optimizer_state(self.optimizer, "optimizer")
        facts = {"step": self.step, "rate": self.rate, "returned": self.returned, "settings": repr(self.settings)}
        write_checkpoint(path, tensors, {"facts": json.dumps(facts)})

    def resume(self, path: Path) -> None:
        """Continue from a file of :meth:`save`.

        Raises
        ------
        ValueError
            The file was written under other settings or for other parameters.
        """
        facts = _facts(path)
        tensors = load_file(path)
        if facts["settings"] != repr(self.settings) or set(part_of(tensors, "weight.")) != set(self.parameters):
            raise ValueError(f"{path} belongs to another run: delete it, or give another work folder")
        with torch.no_grad():
            for prefix, own in (("average.", self.average), ("start.", self.start_point)):
                for name, tensor in part_of(tensors, prefix).items():
                    own[name].copy_(tensor)
            for name, tensor in part_of(tensors, "weight.").items():
                self.parameters[name].copy_(tensor)
        load_optimizer(self.optimizer, tensors, "optimizer")
        self.step, self.rate, self.returned = int(facts["step"]), float(facts["rate"]), int(facts["returned"])


def step_of(path: Path) -> int:
    """The step at which a checkpoint of :meth:`Tuner.save` was written."""
    return int(_facts(path)["step"])


def _facts(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(checkpoint_metadata(path)["facts"])
    return facts
