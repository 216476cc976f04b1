"""Pigeon's weights as a folder: ``adapter/``, perhaps ``lora/``, and ``manifest.json``.

The manifest names the generator they were trained on; over another one they are refused.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from generation.diffusion.manifest import write_manifest
from generation.personalization.icg.checkpoint import LORA
from generation.personalization.methods import weights_fingerprint
from generation.personalization.pigeon.personal import BuiltinPigeon

SHIPPED = Path(__file__).parent / "weights"


def pigeon_fingerprint(folder: Path, generator: str) -> str:
    """16 hex digits of the generator and Pigeon together, after checking every file.

    Raises
    ------
    UsageError
        There are no weights in ``folder``, a file of it has changed, or it belongs to another generator.
    """
    return weights_fingerprint("pigeon", folder, generator)


def read_pigeon(folder: Path) -> BuiltinPigeon:
    """The network in float32; its files are not checked."""
    pigeon: BuiltinPigeon = BuiltinPigeon.from_pretrained(
        folder / "adapter", torch_dtype=torch.float32, low_cpu_mem_usage=False
    )
    return pigeon


def ship(
    pigeon: BuiltinPigeon, lora: Mapping[str, Tensor], out: Path, generator: str, facts: Mapping[str, Any]
) -> None:
    """Write network and LoRA weights, if there are any, in float16, and the manifest.

    Parameters
    ----------
    pigeon
        With the weights to ship.
    lora
        By name; may be empty.
    out
        The folder.
    generator
        Fingerprint of the generator they were trained on.
    facts
        Further contents of the manifest: command, data, hardware, figures.
    """
    copy.deepcopy(pigeon).half().save_pretrained(out / "adapter")
    if lora:
        (out / LORA).parent.mkdir(parents=True, exist_ok=True)
        save_file({name: each.detach().to(torch.float16).cpu().contiguous() for name, each in lora.items()}, out / LORA)
    write_manifest(out, {"generator": generator, **facts})
