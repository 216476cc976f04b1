"""What training trains, and how it is shipped: the built-in adapter, or a model over public checkpoints."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from conf.errors import UsageError
from conf.settings import Settings
from generation.diffusion.painter import Painter
from generation.personalization.icg.builtin import BuiltinIcg, fresh
from generation.personalization.icg.checkpoint import LAYERS, begin_from, ship
from generation.personalization.icg.config import IcgConfig
from generation.personalization.icg.painting import BuiltinPainting
from generation.personalization.icg.public.model import Icg
from generation.personalization.icg.public.painting import PipelinePainting
from generation.personalization.icg.public.store import base_fingerprints, load_icg, painting_fingerprint, save_icg
from generation.personalization.low_rank import add_lora, lora_weights
from generation.personalization.training.painting import WorldPainting


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """A model before training."""

    painting: WorldPainting
    parameters: dict[str, nn.Parameter]
    """What moves, by name."""
    about: dict[str, Any]
    """What it is made of: the manifest says it, and a work folder of another is refused."""
    ship: Callable[[Path, dict[str, Any]], object]
    """Writes the weights of the moment to a folder, with facts for the manifest."""


def trainee_of(settings: Settings, *, seed: int, lora_rank: int, lora_layers: str, start: Path | None) -> Trainee:
    """The model that settings ask for: over public checkpoints where ``icg.mllm`` names one, else the built-in adapter.

    Parameters
    ----------
    settings
        Of the night.
    seed
        Of fresh weights.
    lora_rank, lora_layers
        Of the built-in generator's LoRA; 0 leaves it frozen. Public checkpoints have them in section ``icg``.
    start
        Folder to go on from; None begins anew.

    Raises
    ------
    UsageError
        ``start`` is not of that kind, or LoRA is asked for in the wrong place.
    """
    if settings.icg.mllm is None:
        return _builtin(settings, seed, lora_rank, lora_layers, start)
    if lora_rank:
        raise UsageError(
            "over public checkpoints LoRA is set by icg.generator_tuning, icg.mllm_tuning and icg.lora_rank"
        )
    return _public(settings, seed, start)


def trainable(icg: BuiltinIcg, unet: nn.Module) -> dict[str, nn.Parameter]:
    """What moves of the built-in model: all of the adapter, and the UNet's LoRA weights if there are any."""
    adapter = {f"icg.{name}": weight for name, weight in icg.named_parameters()}
    return adapter | {f"unet.{name}": weight for name, weight in lora_weights(unet).items()}


def _builtin(settings: Settings, seed: int, lora_rank: int, lora_layers: str, start: Path | None) -> Trainee:
    generation = settings.generation
    painter = Painter.load(Path(generation.checkpoint) if generation.checkpoint else None)
    icg = fresh(painter.conditioning, seed=seed)
    if lora_rank:
        torch.manual_seed(seed)
        add_lora(painter.unet, LAYERS[lora_layers], lora_rank)
    about: dict[str, Any] = {
        "generator": painter.fingerprint,
        "lora_rank": lora_rank,
        "lora_layers": lora_layers if lora_rank else "",
    }
    if start:
        began = begin_from(start, icg, painter.unet, painter.fingerprint)
        about["started_from"] = {"fingerprint": began, **told_of(start)}

    def write(folder: Path, facts: dict[str, Any]) -> None:
        ship(icg, lora_weights(painter.unet), folder, painter.fingerprint, facts)

    painting = BuiltinPainting(painter, icg, guidance=generation.mean_guidance)
    return Trainee(painting=painting, parameters=trainable(icg, painter.unet), about=about, ship=write)


def _public(settings: Settings, seed: int, start: Path | None) -> Trainee:
    torch.manual_seed(seed)
    generation = settings.generation
    config = IcgConfig.of(settings.icg)
    try:
        model = load_icg(start) if start else Icg.load_bases(config)
    except (FileNotFoundError, ValueError) as unusable:
        raise UsageError(str(unusable)) from None
    if start and model.config != config:
        raise UsageError(f"{start} has another configuration than the section icg: give the one in its config.json")
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    about: dict[str, Any] = {"bases": base_fingerprints(model), "icg": config.as_dict(), "canvas": generation.square}
    if start:
        began = painting_fingerprint(start)
        about["started_from"] = {"fingerprint": began, **told_of(start)}

    painting = PipelinePainting(model, canvas=generation.square, guidance=generation.mean_guidance)
    return Trainee(painting=painting, parameters=model.trainable(), about=about, ship=partial(save_icg, model))


def told_of(folder: Path) -> dict[str, Any]:
    """What a manifest says of the training."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    names = "command", "date", "hardware", "outcome", "validation", "started_from"
    return {name: manifest[name] for name in names if name in manifest}
