"""How much memory a night's painters need, from configurations alone: no weight is read, none has to be there.

Every component of a pipeline is built without memory (torch's meta device) from its ``config.json``: its parameters are
counted, and a batch of the largest canvas is sent through denoiser and decoder, so that the largest layer is known.
What a layer takes is its inputs and outputs, and as much again for what is kept beside it: the skip connections and the
workspace of convolutions. Worked out, not measured: allocators and fragmentation come on top.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from conf.errors import UsageError
from conf.section import Section
from conf.settings import Settings
from generation.personalization.icg.adapter import PromptEmbeds
from generation.personalization.icg.public.generators import DiffusersGenerator
from generation.personalization.icg.public.mllm import local_folder
from generation.personalization.methods import foreign_painters, method_spec, methods_of

INDEX = "model_index.json"
BESIDE = 2.0
"""What a layer takes over its inputs and outputs."""
TOKENS = 128
"""Of a prompt; the width of attention to words hardly counts beside that of attention to places."""
GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Part:
    """One network of a painter."""

    method: str
    name: str
    """As ``unet``, ``vae``, ``text_encoder_2`` or ``mllm``."""
    parameters: int
    weight_bytes: int
    peak_bytes: int
    """Of its largest layer for a batch, the weights not counted; 0 where it was not asked."""


def plan_memory(settings: Settings, *, gpu: bool) -> list[Part]:
    """Networks over other checkpoints that the settings' methods paint with; none for the built-in generator.

    Parameters
    ----------
    settings
        Of the night: ``generation.canvas``, ``max_batch`` and ``guidance`` say how large a batch is.
    gpu
        On a GPU a pipeline of ``generation.adapters.profile`` is bfloat16, elsewhere float32.

    Raises
    ------
    UsageError
        A checkpoint's configuration is not here.
    """
    found: list[Part] = []
    for method in methods_of(settings.generation):
        for kind, folder, dtype in _checkpoints(method, settings, gpu):
            parts = _pipeline(folder, settings, dtype) if kind == "generator" else [("mllm", _model(folder, dtype), 0)]
            found += [
                Part(
                    method=method,
                    name=name,
                    parameters=sum(weight.numel() for weight in network.parameters()),
                    weight_bytes=sum(weight.numel() * weight.element_size() for weight in network.parameters()),
                    peak_bytes=peak,
                )
                for name, network, peak in parts
            ]
    return found


def total_bytes(parts: Sequence[Part]) -> int:
    """Of all weights, and of the largest layer of any network: they run one after the other."""
    return sum(part.weight_bytes for part in parts) + max((part.peak_bytes for part in parts), default=0)


def table(parts: Sequence[Part]) -> list[tuple[str, ...]]:
    """Rows for people: method, network, parameters, weights and largest layer."""
    return [
        (
            part.method,
            part.name,
            f"{part.parameters / 1e6:,.1f} M",
            f"{part.weight_bytes / GIB:.2f} GiB",
            f"{part.peak_bytes / GIB:.2f} GiB" if part.peak_bytes else "",
        )
        for part in parts
    ]


def _checkpoints(method: str, settings: Settings, gpu: bool) -> Iterator[tuple[str, Path, torch.dtype]]:
    """Kind, folder and type of what a method paints with, where that is no built-in generator."""
    folder = settings.generation.adapter_folders.get(method)
    weightless = method_spec(method).trained_by is None
    if weightless and folder is not None and foreign_painters(method, Path(folder)) is not None:
        yield "generator", Path(folder), torch.bfloat16 if gpu else torch.float32
        return
    section: Any = getattr(settings, method, None)
    if weightless or not isinstance(section, Section):  # methods over checkpoints have a section that names them
        return
    named: Any = section
    dtype = getattr(torch, named.dtype)
    for kind in ("mllm", "generator"):
        source = getattr(named, kind, None)
        if source is not None:
            try:
                yield kind, Path(local_folder(source, allow_download=False)), dtype
            except FileNotFoundError as missing:
                raise UsageError(
                    f"{missing}; its configurations alone (config.json of every part) are enough"
                ) from None


def _pipeline(folder: Path, settings: Settings, dtype: torch.dtype) -> list[tuple[str, nn.Module, int]]:
    """Every network of a pipeline by name, with what a batch takes in it."""
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    classes = {name: told for name, told in index.items() if isinstance(told, list) and told[0] is not None}
    networks = {
        name: _network(folder / name, told[0], told[1], dtype)
        for name, told in classes.items()
        if (folder / name / "config.json").is_file()
    }
    others = {name: _scheduler(folder / name, *told) for name, told in classes.items() if name == "scheduler"}
    encoders = {name: network for name, network in networks.items() if name.startswith("text_encoder")}
    kept = {name: network for name, network in networks.items() if name in ("unet", "transformer", "vae")}
    pipeline: Any = getattr(import_module("diffusers"), index["_class_name"])
    parts = {
        name: None for name, told in index.items() if isinstance(told, list)
    }  # those that are left None count nothing
    generator = DiffusersGenerator(pipeline(**parts | kept | others))
    peaks = _peaks(generator, settings)
    found = [(name, network, peaks.get(name, 0)) for name, network in kept.items()]
    return [*found, *((name, network, 0) for name, network in sorted(encoders.items()))]


def _peaks(generator: DiffusersGenerator, settings: Settings) -> dict[str, int]:
    """Of the denoiser and of the decoder, bytes for a batch at the largest canvas."""
    generation = settings.generation
    width, height = max(generation.canvases, key=lambda size: size[0] * size[1])
    batch = generation.max_batch
    channels, across, _ = generator.latent_shape(width)
    down = generator.latent_shape(height)[1]
    guided = batch * (2 if any(each != 1 for each in generation.guidance) else 1)
    denoiser = "unet" if getattr(generator.pipeline, "unet", None) is not None else "transformer"
    latents = torch.zeros((guided, channels, down, across), device="meta")
    steps = torch.zeros((guided,), device="meta")
    with largest_layer(generator.denoiser) as asked, torch.no_grad():
        generator.answer(latents, steps, _words(generator, guided))
    with largest_layer(generator.vae) as decoded, torch.no_grad():
        generator.decode(latents[:batch])
    return {denoiser: asked(), "vae": decoded()}


def _words(generator: DiffusersGenerator, rows: int) -> PromptEmbeds:
    spec = generator.spec
    return PromptEmbeds(
        prompt_embeds=torch.zeros((rows, TOKENS, spec.width), device="meta"),
        pooled_prompt_embeds=None if spec.pooled is None else torch.zeros((rows, spec.pooled), device="meta"),
        prompt_attention_mask=torch.ones((rows, TOKENS), device="meta") if spec.mask else None,
    )


@contextmanager
def largest_layer(network: nn.Module) -> Iterator[Callable[[], int]]:
    """While it lasts, calls are watched; then gives ``BESIDE`` times the bytes of the largest layer's tensors."""
    seen = [0]

    def watch(_module: nn.Module, given: Any, answered: Any) -> None:
        seen[0] = max(seen[0], _bytes(given) + _bytes(answered))

    leaves = [module for module in network.modules() if not any(True for _ in module.children())]
    hooks = [leaf.register_forward_hook(watch) for leaf in leaves]
    try:
        yield lambda: round(BESIDE * seen[0])
    finally:
        for hook in hooks:
            hook.remove()


def _bytes(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, (tuple, list)):
        return sum(map(_bytes, value))
    return 0


def _network(folder: Path, library: str, name: str, dtype: torch.dtype) -> nn.Module:
    """A network of ``diffusers`` or ``transformers`` without memory."""
    made: Any = getattr(import_module(library), name)
    with torch.device("meta"):
        if library == "diffusers":
            network: nn.Module = made.from_config(made.load_config(folder, local_files_only=True))
        else:
            network = made(made.config_class.from_pretrained(folder, local_files_only=True))
    return network.to(dtype)


def _model(folder: Path, dtype: torch.dtype) -> nn.Module:
    """An image-text-to-text model of ``transformers`` without memory."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    with torch.device("meta"):
        network: nn.Module = AutoModelForImageTextToText.from_config(
            AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        )
    return network.to(dtype)


def _scheduler(folder: Path, library: str, name: str) -> Any:
    return getattr(import_module(library), name).from_pretrained(folder, local_files_only=True)
