"""What codes do to a picture, as a folder: ``pictures/`` with tables and low-rank weights, beside ``preferences/``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from generation.diffusion.conditioning import ConditioningAdapter
from generation.diffusion.manifest import write_manifest
from generation.personalization.dppmg.inject import CodeTables
from generation.personalization.low_rank import add_lora, save_lora, with_lora

TABLES = Path("pictures") / "tables.safetensors"
LORA = Path("pictures") / "lora.safetensors"
RANK = 4
TUNED = r".*attn2\.(to_k|to_v)"
"""Layers of the UNet with low-rank weights: keys and values of cross-attention, where the tokens are read."""


def add_low_rank(unet: nn.Module, rank: int = RANK) -> None:
    """Low-rank weights beside keys and values of cross-attention; all others stay frozen."""
    add_lora(unet, TUNED, rank)


def merged(unet: UNet2DConditionModel, weights: Mapping[str, Tensor]) -> UNet2DConditionModel:
    """A copy of a UNet with low-rank weights added to its own.

    Raises
    ------
    ValueError
        The weights do not fit.
    """
    return with_lora(unet, weights, TUNED, next(iter(weights.values())).shape[0])


def read_tables(folder: Path, conditioning: ConditioningAdapter) -> CodeTables:
    """The tables of a folder, in float32; its files are not checked."""
    tables = CodeTables.for_conditioning(conditioning)
    tables.load_state_dict({name: each.float() for name, each in load_file(folder / TABLES).items()})
    return tables


def ship(tables: CodeTables, lora: Mapping[str, Tensor], out: Path, generator: str, facts: Mapping[str, Any]) -> None:
    """Write tables and low-rank weights, if there are any, in float16, and the manifest of the whole folder.

    Parameters
    ----------
    tables
        With the weights to ship.
    lora
        By name; may be empty.
    out
        The folder, in which ``preferences/`` is already.
    generator
        Fingerprint of the generator they were trained on.
    facts
        Further contents of the manifest.
    """
    (out / TABLES).parent.mkdir(parents=True, exist_ok=True)
    save_file({name: each.half().contiguous() for name, each in tables.state_dict().items()}, out / TABLES)
    if lora:
        save_lora(lora, out / LORA)
    else:
        (out / LORA).unlink(missing_ok=True)
    write_manifest(out, {"generator": generator, **facts})
