"""Tastes beside the weights of a model: numbers as tensors, names in its vocabulary."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from reward_model.tastes.estimates import Tastes
from reward_model.tastes.looks import LookPriors
from reward_model.tastes.subjects import SubjectFactors

PREFIX = "tastes."


def taste_tensors(tastes: Tastes) -> dict[str, Tensor]:
    """Numbers by name; the names of items and categories are kept apart."""
    subjects, looks = tastes.subjects, tastes.looks
    arrays = {
        "own": subjects.own,
        "content": subjects.content,
        "centre": subjects.centre,
        "variance": subjects.variance,
        "centroids": looks.centroids,
        "quality": tastes.quality,
        "places": tastes.places,
    }
    priors = torch.tensor([looks.strength, looks.adorers, looks.boost], dtype=torch.float64)
    return {PREFIX + name: torch.from_numpy(value) for name, value in arrays.items()} | {f"{PREFIX}priors": priors}


def tastes_of(tensors: dict[str, Tensor], vocabulary: Mapping[str, Any]) -> Tastes | None:
    """Take what :func:`taste_tensors` gave out of ``tensors``; None in a model without tastes."""
    found = {name.removeprefix(PREFIX): tensors.pop(name) for name in sorted(tensors) if name.startswith(PREFIX)}
    if not found:
        return None
    strength, adorers, boost = found.pop("priors").tolist()
    arrays = {name: value.numpy() for name, value in found.items()}
    return Tastes(
        items=vocabulary["items"],
        categories=vocabulary["taste_categories"],
        subjects=SubjectFactors(**{name: arrays[name] for name in ("own", "content", "centre", "variance")}),
        looks=LookPriors(centroids=arrays["centroids"], strength=strength, adorers=adorers, boost=boost),
        quality=arrays["quality"],
        places=arrays["places"],
    )
