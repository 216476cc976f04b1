"""Second half of the generator's training: ``coverlift train sharpen``.

``coverlift train generator`` learns what to paint, but a few Euler steps of a regression give
faint and smudged pictures. This continues from its checkpoint with painting in one step (and, for
a share of the pairs, in a second one from half way of its own picture), against the true drawing bent
to the original's outlines, the reader's view of subject and family, and a critic (adversarial diffusion
distillation, Sauer et al., ECCV 2024, https://arxiv.org/abs/2311.17042; here without a teacher, because
the true drawing is known).

Killed at any time, the same command goes on from its last checkpoint.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from conf.command_line import told
from generation.diffusion.bridge import start_of
from generation.diffusion.painter import SHIPPED
from generation.diffusion.training.critic import Critic, critic_loss
from generation.diffusion.training.data import Bends, Drawings, Pairs, PairSampler, load_drawings, planes_of
from generation.diffusion.training.losses import PerceptualLoss, grain, moved, pixel_loss
from generation.diffusion.training.reader import EMBEDDING_DIM, READER_SEEDS, Reader, augmented, reader_file
from generation.diffusion.training.train import (
    CHECKPOINT,
    Trainer,
    TrainingRun,
    TrainSettings,
    facts_of,
    monitor,
    run,
    schedule,
)
from generation.diffusion.unet import to_pixels, to_planes
from generation.training_state import load_optimizer, optimizer_state, part_of, set_rate
from jobs.stickers.pack import FAMILIES, PicturePack
from reward_model.encoders.model import load_encoders
from reward_model.precision import autocast

PIXEL_NOISE = 0.05
"""Standard deviation of the noise added to it, pixels in [-1, 1]."""


SURE = 0.9
"""Probability of the family asked for that is enough: beyond it, patterns that only the reader sees begin to pay."""


@dataclass(frozen=True, kw_only=True)
class SharpenSettings(TrainSettings):
    """Everything that decides the weights besides the pack, the encoders and the checkpoint it starts from."""

    steps: int = 1300
    learning_rate: float = 3e-4
    ema: float = 0.99
    second: float = 0.0
    """Share of the pairs that are painted again, from half way of the network's own first picture."""
    pixels: float = 1.0
    """Weight of the pixel loss: alone it paints the mean of what is possible."""
    adversarial: float = 0.3
    """Length of the critic's gradient at the painted pixels, relative to the other losses' together."""
    subject: float = 3.0
    """Weight of the distance to the subject's nearest drawing, as the reader sees it."""
    family: float = 0.25
    """Weight of the reader's doubt that the picture is of the family asked for."""
    grain: float = 6.0
    """Weight of patterns in flat areas."""
    critic_rate: float = 5e-4
    critic_warmup: int = 300
    """Steps of the critic alone, on true drawings in the right and in the wrong family."""
    seed: int = 6


class Sharpener(Trainer):
    """A trainer whose pictures come from the step that a night takes and are looked at by a critic."""

    settings: SharpenSettings

    def __init__(
        self,
        settings: SharpenSettings,
        perceptual: PerceptualLoss,
        readers: Sequence[Reader],
        drawings: Drawings,
        start: Path,
        device: str,
    ) -> None:
        super().__init__(settings, perceptual, device)
        self.known = [known_subjects(reader, drawings).to(device) for reader in readers]
        self.readers = [reader.to(device) for reader in readers]
        self.start_from(start)
        self.critic = Critic(len(FAMILIES)).to(device)
        self.critic_optimizer = torch.optim.AdamW(
            self.critic.parameters(), lr=settings.critic_rate, betas=(0.0, 0.99), weight_decay=0.0
        )

    def learn(self, pairs: Pairs) -> dict[str, float]:
        """One step of the critic and one of the generator; returns the losses."""
        settings = self.settings
        rate = schedule(self.step, settings)
        set_rate(self.optimizer, settings.learning_rate * rate)
        set_rate(self.critic_optimizer, settings.critic_rate * rate)
        painted = self.paint(pairs)
        bent, trust = pairs.bent.to(self.device), pairs.trust.to(self.device)
        losses = {"pixels": (trust * pixel_loss(painted, bent)).mean()}
        losses["perceptual"] = (trust * self.perceptual(painted, bent)).mean()
        true = settings.pixels * losses["pixels"] + settings.perceptual * losses["perceptual"]
        self.optimizer.zero_grad(set_to_none=True)
        losses["grain"] = grain(painted, bent, pairs.reference.to(self.device)).mean()
        true = true + settings.grain * losses["grain"]
        if settings.subject or settings.family:
            losses["subject"], losses["family"] = (each.mean() for each in self.read(pairs, painted))
            true = true + settings.subject * losses["subject"] + settings.family * losses["family"]
        if settings.adversarial:
            losses["critic"] = self.criticise(pairs, painted)
            self.critic.requires_grad_(False)
            losses["real"] = -self.look_at(painted, pairs).mean()
            self.critic.requires_grad_(True)
            pull = torch.autograd.grad(true, painted, retain_graph=True)[0]
            push = torch.autograd.grad(losses["real"], painted)[0]
            weight = settings.adversarial * pull.norm() / push.norm().clamp_min(1e-12)
            painted.backward(pull + weight * push)  # type: ignore[no-untyped-call]
        else:
            true.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.networks.parameters(), 1.0)
        self.optimizer.step()
        self.follow()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def paint(self, pairs: Pairs) -> Tensor:
        """(B, 3, 64, 64) with gradients: a share ``second`` of the rows after a second step, the rest after one."""
        rng = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.step)
        reference = to_planes(pairs.reference.to(self.device))
        text, preference = pairs.text.to(self.device), pairs.preference.to(self.device)
        start = start_of(reference, torch.randn(reference.shape, generator=rng).to(self.device))
        sigma = torch.ones(len(start), device=self.device)
        again = round(self.settings.second * len(start))
        noisy = start.clone()
        if again:
            with torch.no_grad():
                first = self.predict(*(each[:again] for each in (start, sigma, reference, text, preference)))
            noisy[:again] = 0.5 * start[:again] + 0.5 * first
            sigma[:again] = 0.5
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        return to_pixels(self.predict(noisy, sigma, reference, text, preference))

    def see(self, *pictures: Tensor) -> list[Tensor]:
        """Pictures (B, 3, 64, 64) in [-1, 1] as the critic sees them in this step: shifted alike, and noised."""
        seed = self.settings.seed * 2_000_003 + self.step
        return [moved(each.to(self.device), seed, noise=PIXEL_NOISE) for each in pictures]

    def read(self, pairs: Pairs, painted: Tensor) -> tuple[Tensor, Tensor]:
        """What the step's reader says of painted pictures; readers take turns, so that no one's whims pay.

        Returns
        -------
        tuple
            (B,) each: 1 minus the cosine to the nearest drawing of the subject; how far the family asked for
            falls short of ``SURE``, in nats.
        """
        turn = self.step % len(self.readers)
        with autocast(self.device, self.dtype):
            rng = torch.Generator().manual_seed(self.settings.seed * 2_000_003 + self.step)
            reading = self.readers[turn](augmented(painted, rng))
        near = torch.einsum("bd,bfd->bf", reading.subject, self.known[turn][pairs.subject]).max(1).values
        family = F.cross_entropy(reading.family, pairs.family.to(self.device), reduction="none")
        return 1 - near, F.relu(family + math.log(SURE))

    def score(self, pixels: Tensor, original: Tensor, family: Tensor, *, bent: Tensor | None = None) -> Tensor:
        """The critic's scores, in the compute type of this machine."""
        with autocast(self.device, self.dtype):
            scores: Tensor = self.critic(pixels, original, family.to(self.device), bent=bent)
        return scores.float()

    def look_at(self, painted: Tensor, pairs: Pairs) -> Tensor:
        """The critic's scores of painted pictures."""
        seen, original = self.see(painted, pairs.reference)
        return self.score(seen, original, pairs.family)

    def criticise(self, pairs: Pairs, painted: Tensor | None) -> Tensor:
        """One step of the critic, of true drawings alone when nothing was painted; returns its loss."""
        other = (pairs.reference != pairs.target).flatten(1).any(1)
        original, drawn, bent = self.see(pairs.reference, pairs.target, pairs.bent)
        true = self.score(drawn, original, pairs.family, bent=bent)
        mistaken = self.score(original[other], original[other], pairs.family[other])
        fake = mistaken[:0]
        if painted is not None:
            fake = self.look_at(painted.detach(), pairs)
        loss = critic_loss(true, fake, mistaken, pairs.trust.to(self.device))
        self.critic_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.critic_optimizer.step()
        return loss

    def warm_critic(self, sampler: PairSampler) -> float:
        """Teach the critic the families before it pulls at the generator; returns its last loss."""
        set_rate(self.critic_optimizer, self.settings.critic_rate)
        losses = [
            float(self.criticise(sampler.draw(1 + step, 2 * self.settings.batch, stream=1), None).detach())
            for step in range(self.settings.critic_warmup)
        ]
        return sum(losses[-20:]) / 20

    def state(self) -> dict[str, Tensor]:
        """The trainer's state and the critic's."""
        critic = {f"critic.{name}": tensor for name, tensor in self.critic.state_dict().items()}
        return super().state() | critic | optimizer_state(self.critic_optimizer, "critic_optimizer")

    def take_over(self, path: Path) -> None:
        """Begin with the networks, critic and optimisers of another run's checkpoint, under these settings."""
        self.load_state(load_file(path))

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take over what :meth:`state` gave."""
        super().load_state(tensors)
        self.critic.load_state_dict(part_of(tensors, "critic."))
        load_optimizer(self.critic_optimizer, tensors, "critic_optimizer")


@torch.inference_mode()
def known_subjects(reader: Reader, drawings: Drawings) -> Tensor:
    """(S, 6, 128): where the reader sees every family's drawing of every subject, zeros where there is none."""
    known = torch.zeros(len(drawings.codes), len(drawings.families), EMBEDDING_DIM)
    for rows in np.array_split(np.arange(len(drawings.family)), max(1, len(drawings.family) // 128)):
        known[drawings.subject[rows], drawings.family[rows]] = reader(planes_of(drawings.pixels[rows])).subject
    return known


@dataclass(frozen=True, kw_only=True)
class SharpenTraining(TrainingRun):
    """Options of :func:`sharpen`."""

    out: Path = SHIPPED
    work: Path = Path("var/sharpen")
    every: int = 200
    """Steps between checkpoints and sample sheets."""
    start: Path = Path("var/generator/trained")
    """Checkpoint that the first half wrote."""
    take_over: Path | None = None
    """State of the run that made the checkpoint to start from: critic and optimisers go on too."""
    readers: tuple[Path, ...] = tuple(map(reader_file, READER_SEEDS))
    """Readers that take turns."""
    bends: Path = Path("var/generator/bends.safetensors")
    """File of what bends one drawing to another's outlines, kept when made."""
    settings: SharpenSettings = SharpenSettings()


def sharpen(options: SharpenTraining) -> None:
    """Sharpen or resume, then ship the checkpoint."""
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    settings = options.settings
    encoders, pack = load_encoders(device=device), PicturePack.load()
    drawings = load_drawings(pack, encoders, "train")
    sampler = PairSampler(drawings, seed=settings.seed, bends=Bends(drawings, options.bends))
    validation = load_drawings(pack, encoders, "validation")
    perceptual, readers = PerceptualLoss(encoders.image.backbone), [Reader.load(path) for path in options.readers]
    trainer = Sharpener(settings, perceptual, readers, drawings, options.start, device)
    if (options.work / CHECKPOINT).is_file():
        trainer.resume(options.work / CHECKPOINT)
    elif options.take_over:
        trainer.take_over(options.take_over)
    elif settings.adversarial:
        print(f"critic's loss on true drawings: {trainer.warm_critic(sampler):.3f}", flush=True)

    def look(sheet: Path) -> dict[str, float]:
        return monitor(trainer, encoders.image, validation, sheet, steps=1)

    before = facts_of(options.start)
    facts: dict[str, object] = {"command": told("coverlift train sharpen", options), "started_from": before}
    if options.take_over:
        facts["critic_and_optimisers"] = "taken over from the run that made started_from"
    run(trainer, sampler, look, options, facts)
