"""A writer over a public language model as a folder: what was trained, and fingerprints of what it stands on."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from conf.errors import UsageError
from generation.diffusion.manifest import MANIFEST, check_files, write_manifest
from generation.personalization.dppmg.titles.groups import WordsCodes
from generation.personalization.dppmg.titles.public.network import PublicNetwork, open_base
from generation.personalization.dppmg.titles.public.prompts import Wrapping
from generation.personalization.dppmg.titles.writer import Writer

WEIGHTS, CONFIG, CODES = "public-writer.safetensors", "public-writer.json", "codes.json"
TRAINED_BY = "coverlift train titles --profile dppmg-production"


def ship_public(
    out: Path, network: PublicNetwork, codes: WordsCodes, base: dict[str, Any], facts: dict[str, Any]
) -> None:
    """Write the words codes' rows, low-rank weights and how they are opened again, and the manifest.

    Parameters
    ----------
    out
        The folder.
    network, codes
        What was trained, and the words codes that it was told.
    base
        Arguments of :func:`~.network.open_base` for the same language model: source, rank, allow_download.
    facts
        Of the manifest: command, data, hardware, figures.
    """
    out.mkdir(parents=True, exist_ok=True)
    trained = network.trained()
    save_file(trained, out / WEIGHTS)
    told = {**base, "wrapping": network.tokenizer.wrapping.as_dict()}
    for name, content in ((CONFIG, told), (CODES, {"centres": codes.centres.tolist()})):
        (out / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    parameters = sum(weight.numel() for weight in trained.values())
    write_manifest(out, {**facts, "bases": network.bases, "parameters": parameters})


def is_public(folder: Path) -> bool:
    """Whether :func:`ship_public` wrote the folder."""
    return (folder / WEIGHTS).is_file()


def public_fingerprint(folder: Path) -> str:
    """16 hex digits of the writer and what it stands on, after checking every file; raises as :func:`load_public`."""
    told = _read_manifest(folder)
    decisive = {"files": told["files"], "bases": told["bases"]}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def load_public(folder: Path) -> tuple[Writer, WordsCodes]:
    """The writer over its language model, on the GPU if there is one, and its words codes.

    Raises
    ------
    UsageError
        A file is missing or has changed, the language model is not here, or it is not the one that was trained on.
    """
    told = _read_manifest(folder)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    network = open_base(**{**config, "wrapping": Wrapping(**config["wrapping"])})
    for part, found in network.bases.items():
        if found != told["bases"][part]:
            raise UsageError(
                f"{folder} was trained over a {part} with fingerprint {told['bases'][part]}, and that of "
                f"{config['source']} has {found}: put the one there that it was trained on, or train again"
            )
    try:
        network.take(load_file(folder / WEIGHTS))
    except ValueError as unfit:
        raise UsageError(f"{folder}: {unfit}; train again with `{TRAINED_BY}`") from None
    centres = json.loads((folder / CODES).read_text(encoding="utf-8"))["centres"]
    model = network.model.requires_grad_(False).to("cuda" if torch.cuda.is_available() else "cpu")
    return Writer(model, network.tokenizer), WordsCodes(centres=np.array(centres, np.float64))


def _read_manifest(folder: Path) -> dict[str, Any]:
    missing = [name for name in (WEIGHTS, CONFIG, CODES, MANIFEST) if not (folder / name).is_file()]
    if missing:
        raise UsageError(f"{folder} has no {missing[0]}: restore it, or train a writer with `{TRAINED_BY}`")
    told: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    try:
        check_files(folder, told["files"])
    except (FileNotFoundError, ValueError) as changed:
        raise UsageError(str(changed)) from None
    return told
