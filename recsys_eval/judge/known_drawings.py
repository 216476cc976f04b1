"""What the judge says of the pack's real drawings, computed when it was trained and shipped beside its weights.

The drawings do not change and neither does the judge, yet a night would ask about some 2,600 of them anew, more
than half of the forward passes of ``play``. ``drawings.safetensors`` holds, by the hash of a drawing's pixels, its
style logits and its subject embedding in float32; a drawing that is not in it is judged like any picture.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from jobs.lake.arrays import Floats32, Pixels
from jobs.stickers.pack import PicturePack
from recsys_eval.judge.model import WEIGHTS_DIR, Judge

FILE = "drawings.safetensors"
ENTRY = "drawings"
"""Of ``manifest.json``: hash and size of the file, and of how many pictures it speaks."""
AT_ONCE = 1024
"""Drawings decoded at a time."""


def picture_id(pixels: Pixels) -> str:
    """SHA-256 of a picture's (64, 64, 3) uint8 values, row by row."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def judged(judge: Judge, pixels: Pixels) -> Floats32:
    """Style logits before the temperature, then the subject embedding, (N, 134); one forward pass gives both."""
    parts = [np.concatenate([o.style_logits.numpy(), o.embedding.numpy()], 1) for o in judge.outputs(pixels)]
    return np.concatenate(parts)


def write_drawings(judge: Judge, pack: PicturePack, folder: Path) -> dict[str, object]:
    """Judge every drawing of a pack and write the answers.

    Parameters
    ----------
    judge
        With the weights as they are shipped.
    pack
        The drawings.
    folder
        Of the weights.

    Returns
    -------
    dict
        The manifest's entry.
    """
    keys = [(code, family) for code in pack.codes() for family in pack.families_of(code)]
    known: dict[str, Floats32] = {}
    for first in range(0, len(keys), AT_ONCE):
        pixels = np.stack([pack.pixels(*key) for key in keys[first : first + AT_ONCE]])
        known |= dict(zip(map(picture_id, pixels), judged(judge, pixels), strict=True))
    names = np.frombuffer(b"".join(map(bytes.fromhex, known)), np.uint8).reshape(-1, 32)
    save_file({"picture": names, "judged": np.stack(list(known.values()))}, folder / FILE)
    (folder / FILE).chmod(0o644)  # safetensors writes files that only their owner may read
    content = (folder / FILE).read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "pictures": len(known)}


def read_drawings(folder: Path = WEIGHTS_DIR) -> dict[str, Floats32]:
    """Picture id to what the judge of a folder says of it, (134,); empty where its manifest names no such file.

    Raises
    ------
    FileNotFoundError
        The manifest names the file and it is missing.
    ValueError
        The file is not the one that the manifest names.
    """
    entry = json.loads((folder / "manifest.json").read_text()).get(ENTRY)
    if entry is None:
        return {}
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: restore it from git")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != entry["sha256"]:
        raise ValueError(f"{path} has SHA-256 {digest}, its manifest says {entry['sha256']}: restore both from git")
    tensors = load_file(path)
    names = (bytes(name).hex() for name in tensors["picture"])
    return dict(zip(names, tensors["judged"], strict=True))
