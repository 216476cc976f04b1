"""The trained built-in adapter as a folder: ``adapter/``, perhaps ``lora/``, and ``manifest.json``.

The manifest names the generator it was trained on; over another one it is refused.
"""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from diffusers import ModelMixin, UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from conf.errors import UsageError
from generation.diffusion.manifest import write_manifest
from generation.diffusion.packing import read_network
from generation.personalization.icg.builtin import BuiltinIcg
from generation.personalization.icg.public.generators import ATTENTION
from generation.personalization.low_rank import load_lora, save_lora, with_lora
from generation.personalization.methods import weights_fingerprint

LAYERS = {"attention": ATTENTION, "all": [*ATTENTION, "conv1", "conv2"]}
"""What LoRA may tune of the UNet: where it attends to the conditioning, or every residual block too."""

SHIPPED = Path(__file__).parent / "weights"
"""The built-in adapter."""
LORA = Path("lora") / "lora.safetensors"


def icg_fingerprint(folder: Path, generator: str) -> str:
    """16 hex digits of the generator and the adapter together, after checking every file.

    Parameters
    ----------
    folder
        The adapter's.
    generator
        Fingerprint of the generator's checkpoint.

    Raises
    ------
    UsageError
        There is no adapter in ``folder``, a file of it has changed, or it belongs to another generator.
    """
    return weights_fingerprint("icg", folder, generator)


def begin_from(folder: Path, icg: BuiltinIcg, unet: UNet2DConditionModel, generator: str) -> str:
    """Take over an adapter's weights, into a UNet that has low-rank layers of its rank; returns its fingerprint.

    Raises
    ------
    UsageError
        As :func:`icg_fingerprint`, or the adapter has low-rank weights of other layers or of another rank.
    """
    fingerprint = icg_fingerprint(folder, generator)
    lora = load_file(folder / LORA) if (folder / LORA).is_file() else {}
    try:
        load_lora(unet, lora)
    except ValueError:
        raise UsageError(
            f"{folder} has other low-rank weights: give the --lora-rank and --lora-layers of its manifest"
        ) from None
    icg.load_state_dict(read_icg(folder).state_dict())
    return fingerprint


def merged(unet: UNet2DConditionModel, lora: dict[str, Tensor]) -> UNet2DConditionModel:
    """A copy of a UNet with low-rank weights added to its own.

    Raises
    ------
    ValueError
        The weights do not fit.
    """
    ranks = {tensor.shape[0] for name, tensor in lora.items() if "lora_A" in name}
    if len(ranks) != 1:
        raise ValueError(f"A LoRA file with ranks {sorted(ranks)}: expected one")
    return with_lora(unet, lora, tuned_layers(lora), ranks.pop())


def read_icg(folder: Path) -> BuiltinIcg:
    """The adapter's network in float32; its files are not checked."""
    icg: BuiltinIcg = read_network(BuiltinIcg, folder / "adapter")
    return icg


def ship(network: ModelMixin, lora: Mapping[str, Tensor], out: Path, generator: str, facts: dict[str, Any]) -> None:
    """Write the adapter, LoRA weights if there are any, both in float16, and the manifest.

    Parameters
    ----------
    network
        With the weights to ship; of ICG, or of a method that keeps its own in the same form.
    lora
        By name; may be empty.
    generator
        Fingerprint of the generator it was trained on.
    facts
        Further contents of the manifest: command, data, hardware, figures.
    """
    copy.deepcopy(network).half().save_pretrained(out / "adapter")
    if lora:
        save_lora(lora, out / LORA)
    write_manifest(out, {"generator": generator, **facts})


def tuned_layers(lora: Iterable[str]) -> list[str]:
    """Which of ``LAYERS`` low-rank weights of these names belong to."""
    named = list(lora)
    return [layer for layer in LAYERS["all"] if any(f".{layer}.lora_" in name for name in named)]
