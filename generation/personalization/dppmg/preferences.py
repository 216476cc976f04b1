"""What tells a preference and its codes in one modality: projection, quantiser, and the folder they lie in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from conf.errors import UsageError
from generation.diffusion.manifest import MANIFEST, check_files, write_manifest
from generation.personalization.dppmg.graph import VISUAL, Graph, read_visual, words_features
from generation.personalization.dppmg.propagate import Propagation
from generation.personalization.dppmg.quantise import Quantiser
from jobs.lake.arrays import Floats32
from jobs.lake.lake import Lake
from reward_model.encoders.stage import text_hash

SHIPPED = Path(__file__).parent / "weights"
"""All weights of the method."""
FOLDER = "preferences"
"""Within the method's weights."""
TRAINED_BY = "coverlift train dppmg-preferences"


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """Of one modality."""

    propagation: Propagation
    quantiser: Quantiser
    fingerprint: str
    """16 hex digits of the file."""

    @torch.inference_mode()
    def of(self, graph: Graph, features: Floats32) -> Tensor:
        """(U, 64) preferences of a graph's users, from the features of its nodes."""
        found: Tensor = self.propagation(graph, torch.from_numpy(features))
        return found


def features_of(lake: Lake, encoder_id: str | None, modality: str, graph: Graph, texts: Mapping[str, str]) -> Floats32:
    """(N, F) features of a graph's nodes; ``texts`` by hash are what nodes of words say, unknown ones are zeros."""
    if modality == VISUAL:
        return read_visual(lake, encoder_id, graph.nodes)
    features = words_features([texts.get(node, "") for node in graph.nodes])
    features[[node not in texts for node in graph.nodes]] = 0.0
    return features


def read_preferences(folder: Path, modality: str) -> Preferences:
    """What a modality's preferences and codes are told with.

    Raises
    ------
    UsageError
        The file is missing or changed.
    """
    manifest, name = folder / FOLDER / MANIFEST, f"{modality}.safetensors"
    files = json.loads(manifest.read_text(encoding="utf-8"))["files"] if manifest.is_file() else {}
    if name not in files:
        raise UsageError(f"{folder / FOLDER} has no {name}: restore it, or train it with `{TRAINED_BY}`")
    try:
        check_files(folder / FOLDER, {name: files[name]})
    except ValueError as changed:
        raise UsageError(str(changed)) from None
    tensors = {key: value.float() for key, value in load_file(folder / FOLDER / name).items()}
    width, features = tensors["weight"].shape
    propagation = Propagation(features, width)
    propagation.load_state_dict({"weight": tensors["weight"], "skips": tensors["skips"]})
    quantiser = Quantiser(metric=tensors["metric"], codebooks=tensors["codebooks"])
    return Preferences(
        propagation=propagation.eval().requires_grad_(False), quantiser=quantiser, fingerprint=files[name][:16]
    )


def write_preferences(
    folder: Path, modality: str, propagation: Propagation, quantiser: Quantiser, facts: Mapping[str, Any]
) -> None:
    """Write a modality's file in float16, and what is known of it beside what the manifest says of the others."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    tensors = {
        "weight": propagation.weight.detach(),
        "skips": propagation.skips.detach(),
        "metric": quantiser.metric,
        "codebooks": quantiser.codebooks,
    }
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, place / f"{modality}.safetensors")
    manifest = place / MANIFEST
    earlier = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    kept = {name: value for name, value in earlier.items() if name != "files"}
    write_manifest(place, {**kept, modality: dict(facts)})


def texts_by_hash(texts: Sequence[str]) -> dict[str, str]:
    """Texts by the SHA-256 that nodes of words are named by."""
    return {text_hash(text): text for text in texts}
