"""What is computed in which type: the one place that decides it, and the one that calls autocast.

bfloat16 halves the bytes and multiplies the speed only where the hardware multiplies it. Elsewhere it is an
emulation: on two AVX2 cores the judge does 7.8 pictures/s in it and 68 in float32 (2026-11-24).
"""

import os

import torch


def compute_dtype(device: str | torch.device) -> torch.dtype:
    """bfloat16 on GPUs and on CPUs that multiply it (AVX512-BF16, AMX), else float32.

    A CPU held below that by ``ATEN_CPU_CAPABILITY`` or ``ONEDNN_MAX_CPU_ISA`` emulates it as an older one does.
    """
    if torch.device(device).type == "cuda":
        return torch.bfloat16
    capabilities = torch.cpu.get_capabilities()
    multiplies = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return torch.bfloat16 if multiplies and not _held_below_bfloat16() else torch.float32


def _held_below_bfloat16() -> bool:
    isa = os.environ.get("ONEDNN_MAX_CPU_ISA", "DEFAULT").upper()
    held = isa not in ("DEFAULT", "ALL") and not any(part in isa for part in ("BF16", "AMX", "FP16", "AVX10"))
    return held or torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")


def autocast(device: str | torch.device, dtype: torch.dtype, *, cached: bool = True) -> torch.autocast:
    """Around what is computed in ``dtype``; weights and whatever torch holds unsafe in it stay float32.

    Parameters
    ----------
    device
        Where it is computed.
    dtype
        Mostly what :func:`compute_dtype` says. float32 switches autocast off, also inside another one.
    cached
        Keep the casts of weights for as long as the block lasts. Not where weights are swapped inside it.

    Examples
    --------
    >>> with autocast("cpu", torch.float32):
    ...     torch.ones(2, 2).mm(torch.ones(2, 2)).dtype
    torch.float32
    """
    kind = torch.device(device).type
    if dtype == torch.float32:
        return torch.autocast(kind, enabled=False)
    return torch.autocast(kind, dtype=dtype, cache_enabled=cached)
