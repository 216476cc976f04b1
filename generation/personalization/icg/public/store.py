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
    return save_trained(
        model.trainable(), model.config.as_dict(), base_fingerprints(model), folder, weights=WEIGHTS, facts=facts
    )


def is_saved(folder: Path) -> bool:
    """Whether :func:`save_icg` wrote the folder; the built-in adapter's looks different."""
    return (folder / WEIGHTS).is_file()


def painting_fingerprint(folder: Path) -> str:
    """16 hex digits of what a saved model paints with: its files and its bases; raises as :func:`load_config`."""
    load_config(folder)
    return fingerprint_at(folder)


def load_config(folder: Path) -> IcgConfig:
    """The configuration of a saved model.

    Raises
    ------
    FileNotFoundError
        The folder holds no saved model.
    ValueError
        A file is not the one in the manifest.
    """
    return IcgConfig.from_dict(saved_config(folder, weights=WEIGHTS, writer="save_icg"))


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
    lay(model.trainable(), base_fingerprints(model), folder, weights=WEIGHTS)
    return model.eval()


def save_trained(
    trained: Mapping[str, nn.Parameter],
    config: Mapping[str, Any],
    bases: Mapping[str, str],
    folder: Path,
    *,
    weights: str,
    facts: Mapping[str, Any] | None = None,
) -> str:
    """Write what was trained over two base models, as :func:`save_icg` does for its own.

    Parameters
    ----------
    trained
        Weights by name.
    config
        For JSON.
    bases
        Fingerprints of the base models, by part.
    folder
        Where to.
    weights
        Name of the file of weights.
    facts
        Further contents of the manifest.

    Returns
    -------
    str
        16 hex digits over the hashes of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in trained.items()}
    save_file(tensors, folder / weights)
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (weights, CONFIG)}
    parameters = sum(weight.numel() for weight in tensors.values())
    manifest = {**(facts or {}), "files": files, "bases": dict(bases), "parameters": parameters}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]


def fingerprint_at(folder: Path) -> str:
    """16 hex digits of the files and bases that a manifest names; no file is checked."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    decisive = {"files": manifest["files"], "bases": manifest["bases"]}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def saved_config(folder: Path, *, weights: str, writer: str) -> dict[str, Any]:
    """The configuration in a folder of :func:`save_trained`, after checking its files.

    Raises
    ------
    FileNotFoundError
        A file is missing; the message names ``writer``.
    ValueError
        A file is not the one in the manifest.
    """
    for name in (weights, CONFIG, MANIFEST):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing: {folder} is no folder that {writer} wrote whole")
    check_files(folder, json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"])
    values: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return values


def lay(trained: Mapping[str, nn.Parameter], bases: Mapping[str, str], folder: Path, *, weights: str) -> None:
    """Take over the weights of a folder of :func:`save_trained`; raises as :func:`restore`."""
    trained_on = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["bases"]
    for part, found in bases.items():
        if found != trained_on[part]:
            raise ValueError(
                f"{folder} was trained over a {part} with fingerprint {trained_on[part]}, not {found}: "
                f"give the checkpoint it was trained on as {part}, or train again"
            )
    tensors = load_file(folder / weights)
    if set(tensors) != set(trained):
        raise ValueError(
            f"{folder / weights} does not fit its configuration: {sorted(set(tensors) ^ set(trained))[:3]}"
        )
    with torch.no_grad():
        for name, weight in trained.items():
            weight.copy_(tensors[name])
