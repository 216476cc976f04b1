"""A checkpoint and an adapter over it, packed and compared with what they were: ``coverlift train pack``.

Pairs of validation subjects are painted with both. Packing is refused where the pictures differ by more than
``LEAST_PSNR``: what a reader would see of it is then no longer rounding.
"""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from conf.errors import GateError
from generation.diffusion.manifest import manifest_facts, write_manifest
from generation.diffusion.packing import PACKING, WEIGHTS, read_tensors, write_packed
from generation.diffusion.painter import BY_ITSELF, SHIPPED, Painter, checkpoint_fingerprint
from generation.diffusion.training.data import Pairs, PairSampler, load_drawings
from generation.diffusion.training.sweep import SEED, paint_pairs
from generation.personalization.methods import open_adapter, weights_fingerprint
from jobs.lake.arrays import Pixels
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_encoders

LEAST_PSNR = 40.0
"""dB between pictures of packed and unpacked weights."""
GUIDANCE = 1.1
"""Middle of the night's, so that the unpersonalised half is compared too."""


@dataclass(frozen=True, kw_only=True)
class PackWeights:
    """Options of :func:`pack_weights`."""

    out: Path
    """Folder for the packed ones: ``generator/`` and, with ``--adapter``, ``adapter/``."""
    checkpoint: Path = SHIPPED
    """The generator."""
    method: str = BY_ITSELF
    """Whose adapter ``--adapter`` is."""
    adapter: Path | None = None
    """A method's weights over the generator, with a network in ``adapter/``; low-rank weights stay as they are."""
    rows: int = 288
    """Pairs of validation subjects to paint."""
    threads: int = 2
    """CPU threads."""


def pack_weights(options: PackWeights) -> None:
    """Pack into ``out`` and print how far the pictures move.

    Raises
    ------
    GateError
        Below ``LEAST_PSNR``; what was packed stays in ``out`` for a look.
    """
    torch.set_num_threads(options.threads)
    generator, adapter = options.out / "generator", None
    packed = pack_checkpoint(options.checkpoint, generator)
    size = sum(path.stat().st_size for path in generator.rglob("*") if path.is_file())
    print(f"generator {checkpoint_fingerprint(options.checkpoint)} -> {packed}, {size / 1e6:.1f} MB", flush=True)
    if options.adapter is not None:
        adapter = options.out / "adapter"
        pack_adapter(options.method, options.adapter, adapter, options.checkpoint, generator)
    drawn = _validation_pairs(options.rows)
    before = _painted(options.method, options.checkpoint, options.adapter, *drawn)
    after = _painted(options.method, generator, adapter, *drawn)
    for method, pictures in before.items():
        whole, worst = psnr(pictures, after[method])
        print(f"{method}: PSNR {whole:.1f} dB over {len(pictures)} pictures, {worst:.1f} dB in the worst", flush=True)
        if whole < LEAST_PSNR:
            raise GateError(f"Packed weights of {method} paint at {whole:.1f} dB, under {LEAST_PSNR:.0f} dB")


def pack_checkpoint(source: Path, out: Path) -> str:
    """Pack a generator's UNet; its conditioning, which is small, is copied. Returns the fingerprint."""
    facts = manifest_facts(source)
    shutil.copytree(source, out, dirs_exist_ok=True)
    write_packed(read_tensors(source / "unet" / WEIGHTS), out / "unet" / WEIGHTS)
    write_manifest(out, {**facts, "packing": PACKING, "packed_from": checkpoint_fingerprint(source)})
    return checkpoint_fingerprint(out)


def pack_adapter(method: str, source: Path, out: Path, unpacked: Path, packed: Path) -> str:
    """Pack a method's network and put it over the packed generator. Returns the fingerprint of both together.

    Parameters
    ----------
    method
        Its name.
    source, out
        Folders of the adapter.
    unpacked, packed
        Folders of the generator that it was trained on, and of the same generator packed.

    Raises
    ------
    UsageError
        The adapter does not belong to ``unpacked``.
    """
    before = weights_fingerprint(method, source, checkpoint_fingerprint(unpacked))
    facts, generator = manifest_facts(source), checkpoint_fingerprint(packed)
    shutil.copytree(source, out, dirs_exist_ok=True)
    write_packed(read_tensors(source / "adapter" / WEIGHTS), out / "adapter" / WEIGHTS)
    told = {**facts, "generator": generator, "packing": PACKING}
    write_manifest(out, {**told, "packed_from": {"fingerprint": before, "generator": facts["generator"]}})
    return weights_fingerprint(method, out, generator)


def psnr(before: Pixels, after: Pixels) -> tuple[float, float]:
    """Peak signal-to-noise ratio in dB of two lots of pictures, (N, H, W, 3) uint8: over all, and of the worst one.

    Examples
    --------
    >>> black = np.zeros((2, 1, 1, 3), np.uint8)
    >>> psnr(black, black + np.array([0, 255], np.uint8).reshape(2, 1, 1, 1))
    (3.01..., 0.0)
    """
    squared = np.square(before.astype(np.float64) - after).mean((1, 2, 3))
    whole, worst = 10 * np.log10(255**2 / np.maximum([squared.mean(), squared.max()], 1e-12))
    return float(whole), float(worst)


def _validation_pairs(rows: int) -> tuple[Pairs, list[str]]:
    """Pairs to paint, and their titles."""
    pack = PicturePack.load()
    drawings = load_drawings(pack, load_encoders(), "validation")
    pairs = PairSampler(drawings, seed=SEED, drop=0.0, same_family=0.0, jitter=False).draw(0, rows)
    labels = {subject.code: subject.labels["en"] for subject in pack.subjects}
    return pairs, [labels[drawings.codes[number]] for number in pairs.subject]


def _painted(method: str, checkpoint: Path, adapter: Path | None, pairs: Pairs, titles: list[str]) -> dict[str, Pixels]:
    """Pictures of the pairs by method: the generator's, and those of ``method`` where there is an adapter."""
    opened = {} if adapter is None else {method: partial(open_adapter, method, adapter)}
    painter = Painter.load(checkpoint, adapters=opened)
    return {
        name: paint_pairs(painter, pairs, titles, steps=1, guidance=GUIDANCE, method=name)[0]
        for name in (BY_ITSELF, *opened)
    }
