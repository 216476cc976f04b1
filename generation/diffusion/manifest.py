"""The manifest of a folder of weights: a SHA-256 for every file, and where they come from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reward_model.encoders.assets import sha256

MANIFEST = "manifest.json"


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Hash every weight and configuration file of a folder; ``facts`` follow the hashes."""
    files = {
        str(path.relative_to(folder)): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST and path.suffix in (".safetensors", ".json")
    }
    for name in files:
        (folder / name).chmod(0o644)
    (folder / MANIFEST).write_text(json.dumps({"files": files, **facts}, indent=2) + "\n", encoding="utf-8")


def manifest_facts(folder: Path) -> dict[str, Any]:
    """What a manifest says beside the hashes of its files."""
    told: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return {name: fact for name, fact in told.items() if name != "files"}


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Raise ``ValueError`` unless every file has the SHA-256 that the manifest says."""
    for name, expected in files.items():
        digest = sha256(folder / name)
        if digest != expected:
            raise ValueError(f"{folder / name} has SHA-256 {digest}, its manifest says {expected}: restore it")
