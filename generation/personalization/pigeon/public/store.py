"""Saving what was trained of a Pigeon over public checkpoints, and only that; the form is ICG's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generation.personalization.icg.public.store import (
    base_fingerprint,
    fingerprint_at,
    lay,
    save_trained,
    saved_config,
)
from generation.personalization.pigeon.public.config import PigeonConfig
from generation.personalization.pigeon.public.model import PublicPigeon

WEIGHTS = "pigeon.safetensors"


def base_fingerprints(model: PublicPigeon) -> dict[str, str]:
    """Of the two models that it stands on."""
    return {"mllm": base_fingerprint(model.metas.base), "generator": base_fingerprint(model.denoiser)}


def save_pigeon(model: PublicPigeon, folder: Path, facts: Mapping[str, Any] | None = None) -> str:
    """Write weights, configuration and manifest, with further facts; returns 16 hex digits over the hashes."""
    return save_trained(
        model.trainable(), model.config.as_dict(), base_fingerprints(model), folder, weights=WEIGHTS, facts=facts
    )


def is_saved(folder: Path) -> bool:
    """Whether :func:`save_pigeon` wrote the folder; the built-in network's looks different."""
    return (folder / WEIGHTS).is_file()


def painting_fingerprint(folder: Path) -> str:
    """16 hex digits of what a saved model paints with: its files and its bases; raises as :func:`load_config`."""
    load_config(folder)
    return fingerprint_at(folder)


def load_config(folder: Path) -> PigeonConfig:
    """The configuration of a saved model.

    Raises
    ------
    FileNotFoundError
        The folder holds no saved model.
    ValueError
        A file is not the one in the manifest.
    """
    return PigeonConfig.from_dict(saved_config(folder, weights=WEIGHTS, writer="save_pigeon"))


def load_pigeon(folder: Path) -> PublicPigeon:
    """A saved model over its base checkpoints; raises as :func:`load_config` and :func:`restore`."""
    return restore(PublicPigeon.load_bases(load_config(folder)), folder)


def restore(model: PublicPigeon, folder: Path) -> PublicPigeon:
    """Lay saved weights over a fresh model.

    Raises
    ------
    ValueError
        The base models are others than those it was trained on, or the weights do not fit.
    """
    lay(model.trainable(), base_fingerprints(model), folder, weights=WEIGHTS)
    return model.eval()
