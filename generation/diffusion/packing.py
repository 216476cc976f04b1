"""Weights in a byte each: what keeps a checkpoint small on disk, and nothing else.

A large weight is stored as int8 with one float16 scale for each of its rows (an output channel; symmetric, as in Jacob
et al. 2018, https://arxiv.org/abs/1712.05877, section 3, without a zero point); everything else as float16. Readers
unpack to float32 when they load, so nothing is computed in int8 and speed does not change.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

PACKING = "int8-row-1"
"""Name of the format, in the file's metadata."""
WEIGHTS = "diffusion_pytorch_model.safetensors"
"""diffusers' name for the weights of a network beside its ``config.json``."""
LENGTH = 8
"""Bytes at the start of a safetensors file that tell how long its header is."""
SMALLEST = 4096
"""Values below which a tensor stays float16: there is nothing to save."""
CLIPPED = torch.linspace(0.8, 1.0, 11)
"""Shares of a row's largest value that the scale is tried at; cutting the largest off can make the rest finer."""


Network = TypeVar("Network", bound=nn.Module)


def pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as they are stored.

    Parameters
    ----------
    tensors
        By name.

    Returns
    -------
    ``NAME.int8`` (as the tensor) and ``NAME.scale`` (rows,) float16 for those of two or more axes and at least
    ``SMALLEST`` values, with the scale of ``CLIPPED`` that has the least squared error; ``NAME`` float16 for the other
    floating ones, as it is for the rest.

    Examples
    --------
    >>> rows = torch.tensor([[127.0, -64.0], [1.27, 0.64]]).repeat(1, 2048)
    >>> packed = pack({"w": rows, "b": torch.ones(3)})
    >>> packed["w.int8"][:, :2].tolist(), packed["b"].dtype
    ([[127, -64], [127, 64]], torch.float16)
    """
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            packed[name] = tensor.contiguous()
        elif tensor.ndim < 2 or tensor.numel() < SMALLEST:
            packed[name] = tensor.half().contiguous()
        else:
            packed[f"{name}.int8"], packed[f"{name}.scale"] = _rounded(tensor.float())
    return packed


def _rounded(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """int8 values and float16 scales of the rows."""
    rows = tensor.flatten(1)
    largest = rows.abs().amax(1).clamp_min(1e-6)
    best, scale = torch.full_like(largest, torch.inf), torch.ones_like(largest)
    for share in CLIPPED:
        tried = (largest * share / 127).half().float().clamp_min(2.0**-24)
        error = ((rows / tried[:, None]).round().clamp(-127, 127) * tried[:, None] - rows).square().sum(1)
        better = error < best
        best, scale = torch.where(better, error, best), torch.where(better, tried, scale)
    values = (rows / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
    return values.view(tensor.shape).contiguous(), scale.half()


def unpack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in float32, packed or not.

    Raises
    ------
    ValueError
        A packed tensor has no scales, or not one a row.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(".scale") and f"{name.removesuffix('.scale')}.int8" in tensors:
            continue
        if not name.endswith(".int8"):
            found[name] = tensor.float() if tensor.is_floating_point() else tensor
            continue
        plain = name.removesuffix(".int8")
        scale = tensors.get(f"{plain}.scale")
        if scale is None or scale.shape != tensor.shape[:1]:
            raise ValueError(f"The packed tensor {plain} of shape {tuple(tensor.shape)} has not one scale a row")
        found[plain] = tensor.float() * scale.float().view(-1, *[1] * (tensor.ndim - 1))
    return found


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file in float32, unpacked where they are packed.

    Raises
    ------
    ValueError
        The file is packed in a format that this version does not know.
    """
    with safe_open(path, framework="pt") as file:
        packing = (file.metadata() or {}).get("packing")
        if packing not in (None, PACKING):
            raise ValueError(f"{path} is packed as {packing!r}, and this version reads {PACKING!r}: update coverlift")
        return unpack({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118  (no iterator of its own)


def write_packed(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Pack tensors into a safetensors file, whose bytes follow from the tensors alone."""
    content = save(pack(tensors), metadata={"format": "pt", "packing": PACKING})
    path.write_bytes(_with_sorted_metadata(content))


def _with_sorted_metadata(content: bytes) -> bytes:
    """A safetensors file with its metadata in the order of their names; the library leaves that to chance."""
    end = LENGTH + int.from_bytes(content[:LENGTH], "little")
    header = json.loads(content[LENGTH:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    told = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return content[:LENGTH] + told.ljust(end - LENGTH) + content[end:]


def read_network(kind: type[Network], folder: Path) -> Network:
    """A network of diffusers' model classes in float32, packed or as ``save_pretrained`` wrote it.

    Parameters
    ----------
    kind
        Its class.
    folder
        With ``config.json`` and the weights.

    Raises
    ------
    ValueError
        As :func:`read_tensors`.
    RuntimeError
        The weights are not those of such a network.
    """
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    network: Network = kind.from_config(config)  # type: ignore[attr-defined]
    network.load_state_dict(read_tensors(folder / WEIGHTS))
    return network
