"""Where trained models lie: one folder a version, hashes of every file, one champion a night.

``HOME/models/reward/<version>/`` holds

- ``model.safetensors``: weights and standardisation of the network,
- ``vocabulary.json``: users and categories that have learned vectors,
- ``baseline.txt``: LightGBM's own text format,
- ``model.json``: shape, calibration, settings, metrics, data versions and the SHA-256 of the others.

``HOME/models/reward/champion/ds=YYYY-MM-DD.json`` names the version a night uses and the gate
that decided it. A version's folder is never rewritten; nothing is unpickled.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import torch
from safetensors.torch import load_file, save_file

from conf.errors import ContractError, UsageError
from jobs.reach import ROOT, reached
from reward_model.baseline import Baseline
from reward_model.calibration import Calibration
from reward_model.network.ensemble_member import ModelShape
from reward_model.network.features import Standardiser
from reward_model.network.model import ClickModel
from reward_model.predictor import Predictor, Scales
from reward_model.tastes.saved import taste_tensors, tastes_of

WEIGHTS, VOCABULARY, BASELINE, MANIFEST = "model.safetensors", "vocabulary.json", "baseline.txt", "model.json"
GROUPS = ("user", "item", "affinity")
"""Names of the standardisers."""


def models_dir(home: Path) -> Path:
    """Folder of all versions."""
    return home / "models" / "reward"


def model_versions(home: Path) -> list[str]:
    """All versions that were saved, in the order of their names."""
    return sorted(path.parent.name for path in models_dir(home).glob(f"[!.]*/{MANIFEST}"))


def newest_champion(home: Path) -> str | None:
    """Version of the champion of the latest night that has one; None without any."""
    nights = _champion_nights(home)
    return str(read_champion(home, max(nights))["version"]) if nights else None


def code_digest() -> str:
    """SHA-256 of what decides a model: the modules of this package that its training imports."""
    known = hashlib.sha256()
    for name in reached("reward_model.train"):
        if name.startswith("reward_model/"):
            known.update((ROOT / name).read_bytes())
    return known.hexdigest()


def version_of(decides: dict[str, Any]) -> str:
    """16 hex digits of the SHA-256 of everything that decides a model, as canonical JSON.

    Examples
    --------
    >>> version_of({"a": 1, "b": 2}) == version_of({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()[:16]


def save(home: Path, version: str, predictor: Predictor, baseline: Baseline, facts: dict[str, Any]) -> Path:
    """Write a version's folder, all of it or nothing; a version that is there already stays.

    Parameters
    ----------
    facts
        Further contents of ``model.json``: settings, metrics, data versions.
    """
    folder = models_dir(home) / version
    if folder.exists():
        return folder
    draft = folder.with_name(f".{version}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    tensors = dict(predictor.model.state_dict())
    for name in GROUPS:
        scale: Standardiser = getattr(predictor.scales, name)
        tensors[f"scales.{name}.mean"] = torch.from_numpy(scale.mean)
        tensors[f"scales.{name}.deviation"] = torch.from_numpy(scale.deviation)
    if predictor.tastes is not None:
        tensors |= taste_tensors(predictor.tastes)
    save_file({name: value.contiguous() for name, value in tensors.items()}, draft / WEIGHTS)
    vocabulary = {"users": list(predictor.users), "categories": list(predictor.categories)}
    if predictor.tastes is not None:
        vocabulary |= {"items": predictor.tastes.items, "taste_categories": predictor.tastes.categories}
    (draft / VOCABULARY).write_text(json.dumps(vocabulary), encoding="utf-8")
    baseline.booster.save_model(str(draft / BASELINE))
    manifest = {
        **facts,
        "version": version,
        "encoder_id": predictor.encoder_id,
        "history_length": predictor.history_length,
        "shape": predictor.model.shape.as_dict(),
        "calibration": {"torch": asdict(predictor.calibration), "lightgbm": asdict(baseline.calibration)},
        "files": {name: _sha256(draft / name) for name in (WEIGHTS, VOCABULARY, BASELINE)},
    }
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True), encoding="utf-8")
    try:
        draft.rename(folder)
    except OSError:
        # Another process finished the same version first: its folder has the same content.
        shutil.rmtree(draft)
        if not folder.exists():
            raise
    return folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """``model.json`` of a version, after every file it names was checked.

    Raises
    ------
    UsageError
        When there is no model in ``folder``.
    ContractError
        When a file is missing or its bytes are not those that were saved.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(f"no reward model in {folder}: run `coverlift train-reward` first")
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for name, expected in manifest["files"].items():
        if not (folder / name).is_file() or _sha256(folder / name) != expected:
            raise ContractError(
                f"{folder / name} is not the file that {MANIFEST} was written with: "
                "delete the folder and run `coverlift train-reward` again"
            )
    return manifest


def load_predictor(folder: Path) -> Predictor:
    """The network of a version, ready to score; checks hashes as :func:`read_manifest` does."""
    manifest = read_manifest(folder)
    vocabulary = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
    tensors = load_file(folder / WEIGHTS)
    scales = {
        name: Standardiser(
            mean=np.asarray(tensors.pop(f"scales.{name}.mean").numpy()),
            deviation=np.asarray(tensors.pop(f"scales.{name}.deviation").numpy()),
        )
        for name in GROUPS
    }
    tastes = tastes_of(tensors, vocabulary)
    model = ClickModel(ModelShape(**manifest["shape"]))
    model.load_state_dict(tensors)
    model.eval()
    return Predictor(
        model=model,
        users=vocabulary["users"],
        categories=vocabulary["categories"],
        scales=Scales(**scales),
        encoder_id=manifest["encoder_id"],
        history_length=manifest["history_length"],
        tastes=tastes,
        calibration=Calibration(**manifest["calibration"]["torch"]),
    )


def load_baseline(folder: Path) -> Baseline:
    """The LightGBM model of a version; checks hashes as :func:`read_manifest` does."""
    manifest = read_manifest(folder)
    vocabulary = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
    return Baseline(
        booster=lightgbm.Booster(model_file=str(folder / BASELINE)),
        calibration=Calibration(**manifest["calibration"]["lightgbm"]),
        tastes=tastes_of(load_file(folder / WEIGHTS), vocabulary),
    )


def _pointer(home: Path, ds: date) -> Path:
    return models_dir(home) / "champion" / f"ds={ds.isoformat()}.json"


def write_champion(home: Path, ds: date, decision: dict[str, Any]) -> None:
    """Name the champion of ``ds``; ``decision`` has ``version`` and the gate's figures."""
    path = _pointer(home, ds)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps({"ds": ds.isoformat(), **decision}, indent=2, sort_keys=True), encoding="utf-8")
    draft.replace(path)


def read_champion(home: Path, ds: date) -> dict[str, Any]:
    """What :func:`write_champion` wrote for ``ds``.

    Raises
    ------
    UsageError
        When the night has no champion.
    """
    path = _pointer(home, ds)
    if not path.is_file():
        raise UsageError(f"no champion reward model of ds={ds} under {models_dir(home)}: run `coverlift train-reward`")
    decision: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return decision


def champion_dir(home: Path, ds: date) -> Path:
    """Folder of the model that the night ``ds`` scores with."""
    return models_dir(home) / str(read_champion(home, ds)["version"])


def previous_champion(home: Path, ds: date) -> str | None:
    """Version of the last champion of a night before ``ds``; None on the first night."""
    nights = _champion_nights(home)
    before = [night for night in nights if night < ds]
    return str(read_champion(home, max(before))["version"]) if before else None


def _champion_nights(home: Path) -> Sequence[date]:
    folder = models_dir(home) / "champion"
    return [date.fromisoformat(path.stem.removeprefix("ds=")) for path in folder.glob("ds=*.json")]


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
