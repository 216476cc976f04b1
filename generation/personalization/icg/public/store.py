"""Saving what was trained, and only that: safetensors and JSON, with a manifest of hashes.

The base models are not copied. Their fingerprints are kept, so that an adapter is never laid
over other weights than it was trained on.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from generation.diffusion.manifest import check_files
from generation.personalization.icg.config import IcgConfig
from generation.personalization.icg.public.model import Icg

WEIGHTS, CONFIG, MANIFEST = "icg.safetensors", "config.json", "manifest.json"
PROBED = 64
"""Values of each weight that enter a fingerprint."""


def base_fingerprint(network: nn.Module) -> str:
    """16 hex digits of a network's frozen weights: name, shape and some values of each, spread evenly."""
    digest = hashlib.sha256()
    for name, weight in sorted(network.named_parameters()):
        if "lora_" in name:
            continue
        plain = name.replace(".base_layer", "")
        flat = weight.detach().flatten()
        chosen = flat[:: max(1, len(flat) // PROBED)][:PROBED].float().cpu().contiguous()
        digest.update(f"{plain}{tuple(weight.shape)}".encode())
        digest.update(chosen.numpy().tobytes())
    return digest.hexdigest()[:16]


def base_fingerprints(model: Icg) -> dict[str, str]:
    """Of the two models that it stands on."""
    return {"mllm": base_fingerprint(model.metas.base), "generator": base_fingerprint(model.denoiser)}


def save_icg(model: Icg, folder: Path, facts: Mapping[str, Any] | None = None) -> str:
    """Write weights, configuration and manifest, with further facts; returns 16 hex digits over the hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().cpu().contiguous() for name, weight in model.trainable().items()}
    save_file(weights, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(model.config.as_dict(), indent=2) + "\n", encoding="utf-8")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (WEIGHTS, CONFIG)}
    parameters = sum(weight.numel() for weight in weights.values())
    manifest = {**(facts or {}), "files": files, "bases": base_fingerprints(model), "parameters": parameters}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]


def is_saved(folder: Path) -> bool:
    """Whether :func:`save_icg` wrote the folder; the built-in adapter's looks different."""
    return (folder / WEIGHTS).is_file()


def painting_fingerprint(folder: Path, canvas: int) -> str:
    """16 hex digits of all that decides what a saved model paints: its files, its bases and the size it paints at.

    Parameters
    ----------
    folder
        Of :func:`save_icg`; raises as :func:`load_config`.
    canvas
        Width and height, pixels.
    """
    load_config(folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    decisive = {"files": manifest["files"], "bases": manifest["bases"], "canvas": canvas}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def load_config(folder: Path) -> IcgConfig:
    """The configuration of a saved model.

    Raises
    ------
    FileNotFoundError
        The folder holds no saved model.
    ValueError
        A file is not the one in the manifest.
    """
    for name in (WEIGHTS, CONFIG, MANIFEST):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing: {folder} is no folder that save_icg wrote whole")
    check_files(folder, json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"])
    return IcgConfig.from_dict(json.loads((folder / CONFIG).read_text(encoding="utf-8")))


def load_icg(folder: Path) -> Icg:
    """A saved model over its base checkpoints; raises as :func:`load_config` and :func:`restore`."""
    return restore(Icg.load_bases(load_config(folder)), folder)


def restore(model: Icg, folder: Path) -> Icg:
    """Lay saved weights over a fresh model.

    Raises
    ------
    ValueError
        The base models are others than those it was trained on, or the weights do not fit.
    """
    trained_on = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["bases"]
    for part, found in base_fingerprints(model).items():
        if found != trained_on[part]:
            raise ValueError(
                f"{folder} was trained over a {part} with fingerprint {trained_on[part]}, not {found}: "
                f"give the checkpoint it was trained on as {part}, or train again"
            )
    weights, own = load_file(folder / WEIGHTS), model.trainable()
    if set(weights) != set(own):
        raise ValueError(f"{folder / WEIGHTS} does not fit its configuration: {sorted(set(weights) ^ set(own))[:3]}")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(weights[name])
    return model.eval()
