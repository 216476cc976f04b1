"""What codes do to a picture, as a folder: ``pictures/`` with tables and low-rank weights, beside ``preferences/``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers import UNet2DConditionModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from generation.diffusion.manifest import write_manifest
from generation.personalization.dppmg.pictures.inject import CodeTables
from generation.personalization.low_rank import add_lora, save_lora, with_lora

TABLES = Path("pictures") / "tables.safetensors"
LORA = Path("pictures") / "lora.safetensors"
PAINTED_BY = "painted_by"
"""In the metadata of the tables: a fingerprint of ICG's weights."""
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


def read_tables(folder: Path) -> CodeTables:
    """The tables of a folder, in float32; its files are not checked."""
    vectors = load_file(folder / TABLES)["vectors"]
    tables = CodeTables(*vectors.shape[2:])
    tables.vectors.data.copy_(vectors)
    return tables


def painted_by(folder: Path) -> str:
    """Fingerprint of the weights of ICG that paint what the codes of a folder stand for; empty for none."""
    with safe_open(folder / TABLES, framework="pt") as file:
        return str((file.metadata() or {}).get(PAINTED_BY, ""))


def ship(
    tables: CodeTables,
    lora: Mapping[str, Tensor],
    out: Path,
    generator: str,
    facts: Mapping[str, Any],
    *,
    through: str = "",
) -> None:
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
    through
        Fingerprint of the weights of ICG that paint, if they do.
    """
    (out / TABLES).parent.mkdir(parents=True, exist_ok=True)
    told = {name: each.half().contiguous() for name, each in tables.state_dict().items()}
    save_file(told, out / TABLES, metadata={PAINTED_BY: through} if through else None)
    if lora:
        save_lora(lora, out / LORA)
    else:
        (out / LORA).unlink(missing_ok=True)
    write_manifest(out, {"generator": generator, **facts})
