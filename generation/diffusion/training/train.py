"""First half of the built-in generator's training: ``coverlift train generator``.

It learns what to paint; ``coverlift train sharpen`` goes on from its checkpoint and is what ships.

Killed at any time, the same command goes on from its last checkpoint and draws the same
pairs. Trains on training subjects only; the monitor looks at validation subjects.
"""

import math
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from conf.command_line import told
from generation.diffusion.bridge import START_NOISE, between, build_scheduler, noise_of, solve, start_of
from generation.diffusion.conditioning import ConditioningAdapter
from generation.diffusion.finish import finished
from generation.diffusion.manifest import manifest_facts, write_manifest
from generation.diffusion.painter import checkpoint_fingerprint, load_networks
from generation.diffusion.training.data import Drawings, Pairs, PairSampler, load_drawings
from generation.diffusion.training.losses import PerceptualLoss, pixel_loss
from generation.diffusion.unet import build_unet, predict_clean, to_pixels, to_planes
from generation.training_state import (
    follow,
    load_optimizer,
    optimizer_state,
    part_of,
    read_checkpoint,
    set_rate,
    write_checkpoint,
)
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import ImageEncoder, load_encoders
from reward_model.precision import autocast, compute_dtype

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Everything that decides the weights besides the pack and the encoders."""

    steps: int = 5400
    """Optimiser steps."""
    batch: int = 24
    """Pairs a step."""
    learning_rate: float = 1e-3
    """Peak of the cosine schedule, after ``warmup`` steps."""
    warmup: int = 100
    """Steps of linear rise."""
    weight_decay: float = 0.01
    """AdamW."""
    ema: float = 0.998
    """Decay of the averaged weights that are shipped."""
    perceptual: float = 0.3
    """Weight of the perceptual loss."""
    near_start: float = 0.5
    """Share of the pairs whose noise level is near the start of the bridge."""
    seed: int = 5
    """Of weights, pairs and noise."""


class Trainer:
    """Networks, their averages and the optimiser; saves and resumes."""

    def __init__(self, settings: TrainSettings, perceptual: PerceptualLoss, device: str) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.device = device
        self.dtype = compute_dtype(device)
        self.perceptual = perceptual
        self.unet, self.conditioning = build_unet(), ConditioningAdapter()
        torch.nn.init.zeros_(self.unet.conv_out.weight)
        torch.nn.init.zeros_(self.unet.conv_out.bias)
        self.networks = torch.nn.ModuleDict({"unet": self.unet, "conditioning": self.conditioning}).to(device)
        self.unet.to(memory_format=torch.channels_last)
        self.average = {name: tensor.detach().clone() for name, tensor in self.networks.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.networks.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.99)
        )
        self.step = 0

    def start_from(self, checkpoint: Path) -> None:
        """Take over the weights of a shipped checkpoint."""
        unet, conditioning = load_networks(checkpoint)
        self.unet.load_state_dict(unet.state_dict())
        self.conditioning.load_state_dict(conditioning.state_dict())
        self.average = {name: tensor.detach().clone() for name, tensor in self.networks.state_dict().items()}

    def predict(self, x: Tensor, sigma: Tensor, reference: Tensor, text: Tensor, preference: Tensor) -> Tensor:
        """Clean planes (B, 12, 32, 32) float32."""
        with autocast(self.device, self.dtype):
            condition = self.conditioning(text, preference)
            clean = predict_clean(self.unet, x, sigma, reference, *condition)
        return finished(clean, reference)

    def learn(self, pairs: Pairs) -> dict[str, float]:
        """One optimiser step; returns the losses."""
        rng = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.step)
        reference, target = (to_planes(p.to(self.device)) for p in (pairs.reference, pairs.target))
        sigma = draw_sigma(len(reference), rng, near_start=self.settings.near_start).to(self.device)
        start = start_of(reference, torch.randn(reference.shape, generator=rng).to(self.device))
        noisy = between(start, target, sigma).contiguous(memory_format=torch.channels_last)
        clean = self.predict(noisy, sigma, reference, pairs.text.to(self.device), pairs.preference.to(self.device))
        painted, wanted = to_pixels(clean), to_pixels(target)
        losses = {
            "pixels": pixel_loss(painted, wanted).mean(),
            "perceptual": self.perceptual(painted, wanted).mean(),
        }
        total = losses["pixels"] + self.settings.perceptual * losses["perceptual"]
        set_rate(self.optimizer, self.settings.learning_rate * schedule(self.step, self.settings))
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.networks.parameters(), 1.0)
        self.optimizer.step()
        self.follow()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def follow(self) -> None:
        """Count the step and let the averages follow the networks."""
        self.step += 1
        follow(self.average, self.networks.state_dict(), ema=self.settings.ema, step=self.step)

    def state(self) -> dict[str, Tensor]:
        """Everything :meth:`save` must keep, by name."""
        tensors = {f"network.{name}": tensor for name, tensor in self.networks.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.items()}
        return tensors | optimizer_state(self.optimizer, "optimizer")

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take over what :meth:`state` gave."""
        self.networks.load_state_dict(part_of(tensors, "network."))
        self.average = {name: tensor.to(self.device) for name, tensor in part_of(tensors, "average.").items()}
        load_optimizer(self.optimizer, tensors, "optimizer")

    def save(self, path: Path) -> None:
        """Write weights, averages and optimiser state in one safetensors file, then rename it into place."""
        write_checkpoint(path, self.state(), {"step": str(self.step), "settings": repr(self.settings)})

    def resume(self, path: Path) -> None:
        """Continue from a file of :meth:`save`.

        Raises
        ------
        ValueError
            The file was written under other settings.
        """
        tensors, self.step = read_checkpoint(path, self.settings, elsewhere="pass another --work folder")
        self.load_state(tensors)


def draw_sigma(rows: int, rng: torch.Generator, *, near_start: float) -> Tensor:
    """(rows,) in [0.02, 1]: a share of them near the start, the rest uniform.

    The first step decides the look from the preference alone; later ones can read the target's
    look off x_s. With uniform sigmas the network learns to read, and paints copies of the reference.
    """
    uniform = torch.rand(rows, generator=rng)
    near = torch.arange(rows) < near_start * rows
    return torch.where(near, 1 - 0.15 * uniform, uniform.clamp_min(0.02))


def schedule(step: int, settings: TrainSettings) -> float:
    """Share of the peak learning rate: linear rise, then half a cosine to zero."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    return 0.5 * (1 + math.cos(math.pi * (step - settings.warmup) / max(1, settings.steps - settings.warmup)))


@torch.inference_mode()
def monitor(
    trainer: Trainer, encoder: ImageEncoder, drawings: Drawings, sheet: Path, *, steps: int = 8, rows: int = 96
) -> dict[str, float]:
    """Paint fixed validation pairs with the averaged weights, write a sample sheet, return two figures.

    ``style``: mean cosine between the style embeddings of painted and true; ``pixels``: mean absolute error.
    """
    kept = {name: tensor.clone() for name, tensor in trainer.networks.state_dict().items()}
    trainer.networks.load_state_dict(trainer.average)
    pairs = PairSampler(drawings, seed=1, drop=0.0).draw(0, rows)
    reference = to_planes(pairs.reference.to(trainer.device))
    text, preference = pairs.text.to(trainer.device), pairs.preference.to(trainer.device)
    noise = noise_of(torch.arange(rows), tuple(reference.shape[1:])).to(trainer.device)
    planes = solve(
        build_scheduler(),
        start_of(reference, noise),
        steps,
        lambda x, sigma: trainer.predict(x, sigma, reference, text, preference),
    )
    trainer.networks.load_state_dict(kept)
    painted, target = to_pixels(planes).clamp(-1, 1), pairs.target.to(trainer.device)
    shown = torch.stack([pairs.reference, painted.cpu(), pairs.target])[:, :24]
    grid = shown.permute(0, 3, 1, 4, 2).reshape(3 * 64, 24 * 64, 3)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(((grid.numpy() + 1) * 127.5).astype(np.uint8)).save(sheet)
    styles = [encoder((pixels + 1) / 2).style for pixels in (painted, target)]
    style = float((styles[0] * styles[1]).sum(1).mean())
    return {"style": style, "pixels": float((painted - target).abs().mean())}


def ship(trainer: Trainer, out: Path, facts: dict[str, object]) -> None:
    """Write the averaged weights as a diffusers checkpoint (float16) with its manifest."""
    trainer.networks.load_state_dict(trainer.average)
    trainer.networks.to("cpu", torch.float16)
    trainer.unet.save_pretrained(out / "unet")
    trainer.conditioning.save_pretrained(out / "conditioning")
    build_scheduler().save_pretrained(out / "scheduler")
    write_manifest(out, facts)


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """What both halves of the training are told besides their settings."""

    date: str
    """Day of the training, for the manifest: YYYY-MM-DD."""
    out: Path
    """Folder of the checkpoint that is written."""
    work: Path
    """Folder of the state that a resumed training needs, and of sample sheets."""
    stop: int | None = None
    """End after this step, the schedule unfinished; None: after the last."""
    every: int = 500
    """Steps between checkpoints and sample sheets."""
    threads: int = 2
    """CPU threads."""


@dataclass(frozen=True, kw_only=True)
class GeneratorTraining(TrainingRun):
    """Options of :func:`train_generator`."""

    out: Path = Path("var/generator/trained")
    work: Path = Path("var/generator")
    start: Path | None = None
    """Checkpoint to go on from, its schedule begun anew."""
    settings: TrainSettings = TrainSettings()


def run(
    trainer: Trainer,
    sampler: PairSampler,
    look: Callable[[Path], dict[str, float]],
    options: TrainingRun,
    facts: dict[str, object],
) -> None:
    """Train until the step to stop after, with progress, checkpoints, sample sheets and shipped weights on the way.

    Parameters
    ----------
    trainer
        Fresh, or resumed.
    sampler
        Of training pairs.
    look
        Writes a sample sheet of validation subjects and returns its figures.
    options
        Of the run.
    facts
        What the manifest says besides: at least ``command``.
    """
    settings, stop = trainer.settings, options.stop or trainer.settings.steps
    started, first = time.monotonic(), trainer.step
    recent: list[dict[str, float]] = []
    while trainer.step < stop:
        recent.append(trainer.learn(sampler.draw(trainer.step, settings.batch)))
        if trainer.step % 20 == 0:
            speed = (trainer.step - first) * settings.batch / (time.monotonic() - started)
            means = {name: sum(each[name] for each in recent) / len(recent) for name in recent[0]}
            text = " ".join(f"{name} {value:.3f}" for name, value in means.items())
            print(f"step {trainer.step}/{settings.steps} {text} {speed:.0f} pairs/s", flush=True)
            recent.clear()
        if trainer.step % options.every == 0 or trainer.step == stop:
            seen = look(options.work / f"sheet-{trainer.step:06d}.png")
            print(f"validation at {trainer.step}: " + " ".join(f"{k} {v:.4f}" for k, v in seen.items()), flush=True)
            trainer.save(options.work / CHECKPOINT)
            about = {
                "data": "jobs/stickers/pack, training subjects (buckets 2 to 7)",
                "hardware": f"{platform.machine()} {trainer.device}, {options.threads} threads, "
                f"torch {torch.__version__}",
                "date": options.date,
                "settings": asdict(settings),
                "start_noise": START_NOISE,
                "trained_steps": trainer.step,
                "validation": seen,
            }
            ship_copy(trainer, options.out, {**facts, **about})


def train_generator(options: GeneratorTraining) -> None:
    """Train or resume, then ship the checkpoint."""
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    settings = options.settings
    encoders, pack = load_encoders(device=device), PicturePack.load()
    sampler = PairSampler(load_drawings(pack, encoders, "train"), seed=settings.seed)
    validation = load_drawings(pack, encoders, "validation")
    trainer = Trainer(settings, PerceptualLoss(encoders.image.backbone), device)
    facts: dict[str, object] = {"command": told("coverlift train generator", options)}
    if options.start:
        facts["started_from"] = facts_of(options.start)
    if (options.work / CHECKPOINT).is_file():
        trainer.resume(options.work / CHECKPOINT)
    elif options.start:
        trainer.start_from(options.start)

    def look(sheet: Path) -> dict[str, float]:
        return monitor(trainer, encoders.image, validation, sheet)

    run(trainer, sampler, look, options, facts)


def facts_of(checkpoint: Path) -> dict[str, object]:
    """What a checkpoint's manifest says of its training, with its fingerprint in place of its files' hashes."""
    return {"fingerprint": checkpoint_fingerprint(checkpoint), **manifest_facts(checkpoint)}


def ship_copy(trainer: Trainer, out: Path, facts: dict[str, object]) -> None:
    """Ship without disturbing the training state: the networks are restored afterwards."""
    kept = {name: tensor.clone() for name, tensor in trainer.networks.state_dict().items()}
    ship(trainer, out, facts)
    trainer.networks.to(trainer.device, torch.float32)
    trainer.networks.load_state_dict(kept)
