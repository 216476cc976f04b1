"""Saving what was trained over a public pipeline, and only that, as ``pictures/`` of the method's folder.

The pipeline is not copied. Fingerprints of its networks are kept, so that tables are never laid over other weights
than they were trained on.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from conf.errors import UsageError
from generation.diffusion.manifest import MANIFEST, check_files, write_manifest
from generation.personalization.dppmg.pictures.public.config import PipelineConfig
from generation.personalization.dppmg.pictures.public.model import CodedPipeline
from generation.personalization.icg.public.store import base_fingerprint

WEIGHTS, CONFIG = Path("pictures") / "pipeline.safetensors", Path("pictures") / "pipeline.json"
TRAINED_BY = "coverlift train dppmg-pictures --profile dppmg-production"


def base_fingerprints(model: CodedPipeline) -> dict[str, str]:
    """Of the networks that it stands on."""
    return {part: base_fingerprint(getattr(model, part)) for part in ("denoiser", "text", "vae")}


def save_pipeline(model: CodedPipeline, folder: Path, facts: Mapping[str, Any] | None = None) -> None:
    """Write weights and configuration, and the manifest of the whole folder, in which ``preferences/`` is already."""
    (folder / WEIGHTS).parent.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().cpu().contiguous() for name, weight in model.trainable().items()}
    save_file(weights, folder / WEIGHTS)
    (folder / CONFIG).write_text(model.config.model_dump_json(indent=2) + "\n", encoding="utf-8")
    parameters = sum(weight.numel() for weight in weights.values())
    write_manifest(folder, {**(facts or {}), "bases": base_fingerprints(model), "parameters": parameters})


def is_saved(folder: Path) -> bool:
    """Whether :func:`save_pipeline` wrote the folder; tables over the built-in generator look different."""
    return (folder / WEIGHTS).is_file()


def painting_fingerprint(folder: Path) -> str:
    """16 hex digits of what a saved model paints with: its files and its bases; raises as :func:`read_manifest`."""
    told = read_manifest(folder)
    decisive = {"files": told["files"], "bases": told["bases"]}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, after checking every file of it.

    Raises
    ------
    UsageError
        A file is missing or has changed.
    """
    for name in (WEIGHTS, CONFIG, Path(MANIFEST)):
        if not (folder / name).is_file():
            raise UsageError(f"{folder / name} is missing: restore the folder, or train again with `{TRAINED_BY}`")
    told: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    try:
        check_files(folder, told["files"])
    except (FileNotFoundError, ValueError) as changed:
        raise UsageError(str(changed)) from None
    return told


def load_pipeline(folder: Path) -> CodedPipeline:
    """A saved model over its pipeline.

    Raises
    ------
    UsageError
        A file is missing or has changed, the pipeline is not here, or it is not the one that the weights were trained
        on.
    """
    told = read_manifest(folder)
    config = PipelineConfig.from_json((folder / CONFIG).read_text(encoding="utf-8"))
    model = base_of(config)
    for part, found in base_fingerprints(model).items():
        if found != told["bases"][part]:
            raise UsageError(
                f"{folder} was trained over a {part} with fingerprint {told['bases'][part]}, and that of "
                f"{config.generator} has {found}: put the checkpoint there that it was trained on, or train again"
            )
    weights, own = load_file(folder / WEIGHTS), model.trainable()
    if {name: each.shape for name, each in weights.items()} != {name: each.shape for name, each in own.items()}:
        raise UsageError(f"{folder / WEIGHTS} does not fit {config.generator}: train again with `{TRAINED_BY}`")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[name])
    return model.eval()


def base_of(config: PipelineConfig) -> CodedPipeline:
    """A fresh model over the pipeline that a configuration names.

    Raises
    ------
    UsageError
        The pipeline is not here, or takes no codes.
    """
    try:
        return CodedPipeline.load_base(config)
    except (OSError, ValueError) as unusable:
        raise UsageError(str(unusable)) from None
