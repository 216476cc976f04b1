"""Low-rank weights beside the layers of a network (Hu et al., ICLR 2022): put in, read, taken over, written, merged."""

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn


def add_lora(network: nn.Module, layers: str | list[str], rank: int, alpha: int | None = None) -> None:
    """Low-rank adapters beside the named layers; the network's own weights stay frozen.

    What they add is scaled by ``alpha / rank``; None is 1.

    Raises
    ------
    ValueError
        No layer of that name (from peft).
    """
    from peft import LoraConfig, inject_adapter_in_model

    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha or rank, target_modules=layers), network)
    for name, weight in network.named_parameters():
        weight.requires_grad_("lora_" in name)
        if "lora_" in name:
            weight.data = weight.data.float()


def lora_weights(network: nn.Module) -> dict[str, nn.Parameter]:
    """The low-rank weights of a network, by name."""
    return {name: weight for name, weight in network.named_parameters() if "lora_" in name}


def load_lora(network: nn.Module, lora: Mapping[str, Tensor]) -> None:
    """Take over low-rank weights; a ValueError says that they do not fit, by name or by shape."""
    own, given = ({(name, each.shape) for name, each in part.items()} for part in (lora_weights(network), lora))
    if own != given:
        raise ValueError(f"The LoRA weights do not fit this UNet: {sorted({name for name, _ in own ^ given})[:3]}")
    with torch.no_grad():
        for name, weight in lora_weights(network).items():
            weight.copy_(lora[name])


def save_lora(lora: Mapping[str, Tensor], path: Path) -> None:
    """Write low-rank weights in float16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: each.detach().half().cpu().contiguous() for name, each in lora.items()}, path)


def with_lora(
    unet: UNet2DConditionModel, lora: Mapping[str, Tensor], layers: str | list[str], rank: int
) -> UNet2DConditionModel:
    """A copy of a UNet with low-rank weights of these layers added to its own; raises as :func:`load_lora`."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    network = copy.deepcopy(unet)
    add_lora(network, layers, rank)
    load_lora(network, lora)
    for module in network.modules():
        if isinstance(module, BaseTunerLayer):
            module.merge()
    return network.requires_grad_(False)
