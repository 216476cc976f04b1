"""A folder that ``diffusers`` saved a pipeline to, and what of it decides a picture."""

import hashlib
import json
from pathlib import Path

INDEX = "model_index.json"
WHOLE = 1 << 20
"""Files up to so many bytes are hashed whole; of larger ones, and checkpoints are gigabytes, ``PROBES`` parts are."""
PROBES, PROBE = 64, 1 << 14
"""How many parts, spread evenly from the first byte to the last, and their bytes."""


def is_saved(folder: Path) -> bool:
    """Whether the folder is a pipeline as ``diffusers`` saves it."""
    return (folder / INDEX).is_file()


def painting_fingerprint(folder: Path, *, strength: float) -> str:
    """16 hex digits of what a pipeline paints with: its files, and how much of a reference it paints anew.

    Raises
    ------
    FileNotFoundError
        The folder holds no pipeline.
    """
    if not is_saved(folder):
        raise FileNotFoundError(f"{folder / INDEX} is missing: {folder} is no pipeline of diffusers")
    files = {str(path.relative_to(folder)): _digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    decisive = {"files": files, "strength": strength}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    """Of a file's size and bytes; of a large one's bytes in ``PROBES`` places."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if size <= WHOLE:
            digest.update(file.read())
        else:
            for place in range(PROBES):
                file.seek(place * (size - PROBE) // (PROBES - 1))
                digest.update(file.read(PROBE))
    return digest.hexdigest()
