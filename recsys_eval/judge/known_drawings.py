"""What the judge says of the pack's real drawings, computed once at set-up and kept among the fetched assets.

The drawings do not change and neither does the judge, yet a first night would ask about some 2,600 of them, more
than half of the forward passes of ``play``. The file holds, by the hash of a drawing's pixels, its style logits and
its subject embedding in float32, and is named by the judge's weights and the pack. A drawing that is not in it, or
without the file, is judged like any picture.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from jobs.lake.arrays import Floats32, Pixels
from jobs.lake.assets import assets_dir
from jobs.stickers.pack import PACK_DIR, PicturePack
from recsys_eval.judge.model import WEIGHTS_DIR, Judge

AT_ONCE = 1024
"""Drawings decoded at a time."""


def picture_id(pixels: Pixels) -> str:
    """SHA-256 of a picture's (64, 64, 3) uint8 values, row by row."""
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def judged(judge: Judge, pixels: Pixels) -> Floats32:
    """Style logits before the temperature, then the subject embedding, (N, 134); one forward pass gives both."""
    parts = [np.concatenate([o.style_logits.numpy(), o.embedding.numpy()], 1) for o in judge.outputs(pixels)]
    return np.concatenate(parts)


def drawings_file(weights: Path = WEIGHTS_DIR, folder: Path | None = None) -> Path:
    """Where the answers of a judge lie, named by its weights and the pack's pictures.

    Parameters
    ----------
    weights
        Folder of the judge.
    folder
        Of the file; None takes the assets'.
    """
    decides = hashlib.sha256()
    for path in (weights / "judge.safetensors", PACK_DIR / "pictures.parquet"):
        decides.update(hashlib.sha256(path.read_bytes()).digest())
    return (folder or assets_dir()) / f"judged-drawings-{decides.hexdigest()[:16]}.safetensors"


def write_drawings(judge: Judge, pack: PicturePack, file: Path) -> int:
    """Judge every drawing of a pack, write the answers, all of them or nothing, and return their number."""
    keys = [(code, family) for code in pack.codes() for family in pack.families_of(code)]
    known: dict[str, Floats32] = {}
    for first in range(0, len(keys), AT_ONCE):
        pixels = np.stack([pack.pixels(*key) for key in keys[first : first + AT_ONCE]])
        known |= dict(zip(map(picture_id, pixels), judged(judge, pixels), strict=True))
    names = np.frombuffer(b"".join(map(bytes.fromhex, known)), np.uint8).reshape(-1, 32)
    file.parent.mkdir(parents=True, exist_ok=True)
    half_done = file.with_suffix(f".{os.getpid()}.tmp")
    save_file({"picture": names, "judged": np.stack(list(known.values()))}, half_done)
    half_done.replace(file)
    return len(known)


def prepare(say: Callable[[str], None], pack: PicturePack | None = None) -> None:
    """Write the shipped judge's answers about a pack's drawings, all by default, unless they are there (1 to 2 min)."""
    file = drawings_file()
    if not file.is_file():
        say("Judge: looking at the real drawings, once")
        say(f"Judge: {write_drawings(Judge.load(), pack or PicturePack.load(), file)} drawings")
    say(f"Judge's answers: {file}")


def read_drawings(file: Path) -> dict[str, Floats32]:
    """Picture id to what the judge says of it, (134,); empty where there is no such file."""
    if not file.is_file():
        return {}
    tensors = load_file(file)
    names = (bytes(name).hex() for name in tensors["picture"])
    return dict(zip(names, tensors["judged"], strict=True))
