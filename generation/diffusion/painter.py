"""The painter: a checkpoint folder in diffusers' format -> pictures.

The same class runs inside Triton and in process. A checkpoint is a folder with ``unet/``,
``conditioning/`` and ``scheduler/`` as ``save_pretrained`` writes them (safetensors), or packed
(:mod:`generation.diffusion.packing`), and ``manifest.json`` with the SHA-256 of every weight file.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor

from generation.diffusion.adapter import Adapter, ConditionBatch, GeneratorAdapter, network_for
from generation.diffusion.bridge import noise_of, solve, start_of
from generation.diffusion.conditioning import ConditioningAdapter
from generation.diffusion.finish import FINISH, finished
from generation.diffusion.manifest import check_files
from generation.diffusion.packing import read_network
from generation.diffusion.unet import plain_attention, predict_clean, to_pixels, to_planes
from generation.history import KNOWN
from generation.types import SIZE
from reward_model.encoders.model import load_text_encoder
from reward_model.precision import autocast, compute_dtype

SHIPPED = Path(__file__).parent / "weights"
"""The built-in checkpoint."""
BY_ITSELF = "profile"
"""The method that the generator paints with no weights but its own."""

AdapterOpener = Callable[[UNet2DConditionModel, ConditioningAdapter, str], Adapter]
"""From a generator's UNet, conditioning and fingerprint to a method's adapter over it."""


class Painter:
    """Paints covers from titles, reference covers and preferences; deterministic per seed.

    A pixel may differ by 1/255 between batch sizes. Use :meth:`load`.
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        conditioning: ConditioningAdapter,
        scheduler: FlowMatchEulerDiscreteScheduler,
        *,
        fingerprint: str,
        adapters: Mapping[str, Adapter] | None = None,
        device: str = "cpu",
    ) -> None:
        plain_attention(unet)
        self.unet = unet.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
        self.conditioning = conditioning.eval().requires_grad_(False).to(device)
        self.scheduler = scheduler
        self.fingerprint = fingerprint
        self.device = device
        self.dtype = compute_dtype(device)
        self._embed = lru_cache(maxsize=8192)(self._embed_title)
        self._texts = load_text_encoder(device=device)
        own = GeneratorAdapter(fingerprint=fingerprint, unet=unet, conditioning=conditioning)
        self.adapters: dict[str, Adapter] = {BY_ITSELF: own, **(adapters or {})}
        """By method: the generator itself, and those that were given."""
        for adapter in self.adapters.values():
            if adapter.unet is not unet:
                plain_attention(adapter.unet)
                adapter.unet.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
            adapter.to(device)

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        threads: int | None = None,
        adapters: Mapping[str, AdapterOpener] | None = None,
    ) -> "Painter":
        """Load a checkpoint, by default the shipped one, onto the GPU if there is one.

        Parameters
        ----------
        folder
            The checkpoint.
        threads
            Of torch; None leaves them.
        adapters
            By method, as :func:`generation.personalization.methods.adapter_openers` gives them; None serves the
            generator alone.

        Raises
        ------
        FileNotFoundError
            The folder is no checkpoint.
        ValueError
            A weight file is not the one in the manifest.
        UsageError
            An adapter's weights are missing, changed, or belong to another generator.
        """
        folder = folder or SHIPPED
        if threads:
            torch.set_num_threads(threads)
        fingerprint = checkpoint_fingerprint(folder)
        unet, conditioning = load_networks(folder)
        return cls(
            unet,
            conditioning,
            FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler"),
            fingerprint=fingerprint,
            adapters={name: opened(unet, conditioning, fingerprint) for name, opened in (adapters or {}).items()},
            device="cuda" if torch.cuda.is_available() else "cpu",
        )

    @torch.inference_mode()
    def paint(
        self,
        *,
        prompts: list[str],
        references: NDArray[np.uint8],
        preferences: NDArray[np.float32],
        seeds: NDArray[np.int64],
        steps: int,
        guidance: float | NDArray[np.float32] = 1.0,
        method: str = "profile",
        histories: NDArray[np.float32] | None = None,
        tokens: NDArray[np.int32] | None = None,
        pictures: Sequence[NDArray[np.uint8]] | None = None,
    ) -> NDArray[np.uint8]:
        """Paint a batch.

        Parameters
        ----------
        prompts
            B titles.
        references
            (B, 64, 64, 3) RGB: the original covers.
        preferences
            (B, 160): ``pref_embedding`` then ``pref_style``; zeros paint unpersonalised.
        seeds
            (B,) one per picture.
        steps
            Network evaluations a picture.
        guidance
            One for all, or (B,). 1 is off; else the difference to the unpersonalised prediction is scaled, which
            doubles the cost of a picture; not where it is painted for nobody, so that there is no difference.
        method
            One without weights of its own, or one whose adapter is loaded.
        histories, tokens
            (B, 48, 165) and (B, 6), for methods that need them; None where there are none.
        pictures
            None: models over public checkpoints look at pictures of clicked covers, this generator does not.

        Returns
        -------
        (B, 64, 64, 3) uint8 RGB.
        """
        if steps < 1:
            raise ValueError(f"steps is {steps}: give at least 1 (generation.steps)")
        if pictures is not None:
            raise ValueError(f"{method} over the built-in generator is told history, not pictures of clicked covers")
        if references.shape[1:] != (SIZE, SIZE, 3):
            raise ValueError(
                f"references are {references.shape[2]} x {references.shape[1]}: the built-in generator paints {SIZE} x "
                f"{SIZE} and nothing else"
            )
        pixels = torch.from_numpy(np.ascontiguousarray(references)).to(self.device).permute(0, 3, 1, 2)
        reference = to_planes(pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        text = torch.stack([self._embed(prompt) for prompt in prompts]).to(self.device)
        wanted = torch.from_numpy(np.asarray(preferences, np.float32)).to(self.device)
        adapter = self.adapter_of(method)
        strength = torch.from_numpy(np.broadcast_to(np.asarray(guidance, np.float32), len(prompts)).copy())
        scale = strength.view(-1, 1, 1, 1).to(self.device)
        noise = noise_of(torch.from_numpy(np.asarray(seeds, np.int64)), tuple(reference.shape[1:]))
        with autocast(self.device, self.dtype):
            told = ConditionBatch(
                text=text,
                preference=wanted,
                pixels=pixels,
                history=None if histories is None else torch.from_numpy(histories).to(self.device),
                tokens=None if tokens is None else torch.from_numpy(tokens).long().to(self.device),
            )
            guided = guided_rows(told, strength).to(self.device)
            conditions = self.conditions(method, told, guidance=len(guided) > 0)
            unets = [network_for(adapter, told), network_for(adapter, told.unpersonalised())]

            def predict(x: Tensor, sigma: Tensor) -> Tensor:
                clean = passed(unets[0], slice(None), conditions[0], x, sigma)
                if len(guided):
                    plain = passed(unets[1], guided, conditions[1], x, sigma)
                    clean[guided] = plain + scale[guided] * (clean[guided] - plain)
                return finished(clean, reference)

            def passed(
                unet: UNet2DConditionModel,
                rows: slice | Tensor,
                condition: tuple[Tensor, Tensor],
                x: Tensor,
                sigma: Tensor,
            ) -> Tensor:
                noisy, seen = (each[rows].contiguous(memory_format=torch.channels_last) for each in (x, reference))
                tokens, pooled = (part[rows] for part in condition)
                return predict_clean(unet, noisy, sigma[rows], seen, tokens, pooled).float()

            planes = solve(self.scheduler, start_of(reference, noise.to(self.device)), steps, predict)
        painted = (to_pixels(planes).clamp(-1, 1) + 1) * 127.5
        return painted.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()

    def fingerprint_of(self, method: str) -> str:
        """Hash of all weights that a method paints with; raises as :meth:`adapter_of`."""
        return self.adapter_of(method).fingerprint

    def adapter_of(self, method: str) -> Adapter:
        """What a method paints with.

        Raises
        ------
        ValueError
            The method is not loaded.
        """
        if method not in self.adapters:
            raise ValueError(f"this painter has no method {method!r}: serve it with generation.method={method}")
        return self.adapters[method]

    def conditions(self, method: str, told: ConditionBatch, *, guidance: bool) -> list[tuple[Tensor, Tensor]]:
        """What the UNet attends to; with guidance, the unpersonalised conditioning too.

        Parameters
        ----------
        method
            As in :meth:`paint`.
        told
            Of the pictures.
        guidance
            Whether any picture is painted at a guidance other than 1.
        """
        adapter = self.adapter_of(method)
        return [adapter.condition(each) for each in ([told, told.unpersonalised()] if guidance else [told])]

    def _embed_title(self, title: str) -> Tensor:
        return torch.from_numpy(self._texts.encode([title])[0][0])


def guided_rows(told: ConditionBatch, guidance: Tensor) -> Tensor:
    """Numbers of the pictures that guidance changes: it is not 1, and something is known of whom they are for.

    Parameters
    ----------
    told
        Of ``B`` pictures.
    guidance
        (B,)

    Examples
    --------
    >>> anything = {"text": torch.zeros(3, 384), "pixels": torch.zeros(3, 3, 64, 64, dtype=torch.uint8)}
    >>> told = ConditionBatch(preference=torch.tensor([[1.0], [1.0], [0.0]]), **anything)
    >>> guided_rows(told, torch.tensor([1.0, 1.2, 1.2])).tolist()
    [1]
    """
    known = told.preference.ne(0).any(1)
    if told.history is not None:
        known = known | (told.history[:, :, KNOWN] > 0).any(1)
    if told.tokens is not None:
        known = known | (told.tokens >= 0).any(1)
    known = known.cpu()
    return (known & (guidance != 1)).nonzero().flatten()


def load_networks(folder: Path) -> tuple[UNet2DConditionModel, ConditioningAdapter]:
    """UNet and conditioning of a checkpoint, float32."""
    return (
        read_network(UNet2DConditionModel, folder / "unet"),
        read_network(ConditioningAdapter, folder / "conditioning"),
    )


def checkpoint_fingerprint(folder: Path) -> str:
    """16 hex digits over the hashes in the manifest, every file checked against it, and how pictures are finished.

    Raises
    ------
    FileNotFoundError
        No manifest in ``folder``.
    ValueError
        A file's SHA-256 differs from the manifest's.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise FileNotFoundError(
            f"{manifest} is missing: restore it from git, or train with `coverlift train generator`"
        )
    files: dict[str, str] = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    check_files(folder, files)
    decided = json.dumps({"files": files, "finish": FINISH}, sort_keys=True)
    return hashlib.sha256(decided.encode()).hexdigest()[:16]
