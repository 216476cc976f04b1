"""What a method costs: weights, training, and time a picture. Times are of the machine that painted."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from recsys_eval.comparison.pictures import SPEED


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of a folder that a method adds to the generator's."""

    megabytes: float
    parameters: int
    """Trained numbers: scales of packed weights are none."""
    training_minutes: float | None
    """As its manifest says; None where it says nothing."""


def weights_of(folder: Path | None) -> Weights:
    """What lies in a folder of safetensors with a manifest; nothing for a method without weights.

    Examples
    --------
    >>> weights_of(None)
    Weights(megabytes=0.0, parameters=0, training_minutes=None)
    """
    if folder is None:
        return Weights(megabytes=0.0, parameters=0, training_minutes=None)
    files = sorted(folder.rglob("*.safetensors"))
    manifest = folder / "manifest.json"
    told: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    minutes = told.get("minutes")
    return Weights(
        megabytes=sum(file.stat().st_size for file in files) / 1e6,
        parameters=int(told.get("trained_parameters", sum(map(_parameters, files)))),
        training_minutes=float(minutes) if isinstance(minutes, int | float) else None,
    )


def _parameters(file: Path) -> int:
    with safe_open(file, "numpy") as opened:
        shapes = {name: opened.get_slice(name).get_shape() for name in opened.offset_keys()}
    return sum(math.prod(shape) for name, shape in shapes.items() if not name.endswith((".scale", ".scales")))


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Of painting by one arm; what was painted before and kept counts with the time that it took then."""

    pictures: int
    pictures_per_second: float
    cpu_seconds: float
    """A picture, of all threads."""
    looking_seconds: float
    """A picture: everybody who looks at it."""


def speeds(folder: Path) -> Mapping[str, Speed]:
    """By arm, from the lines beside the batches; a line that was cut off is left out."""
    file = folder / SPEED
    if not file.is_file():
        return {}
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        rows.setdefault(row["arm"], []).append(row)
    found = {}
    for arm, mine in rows.items():
        pictures, seconds, cpu, looking = (
            sum(row[name] for row in mine) for name in ("pictures", "seconds", "cpu_seconds", "looking_seconds")
        )
        found[arm] = Speed(
            pictures=int(pictures),
            pictures_per_second=pictures / seconds,
            cpu_seconds=cpu / pictures,
            looking_seconds=looking / pictures,
        )
    return found
