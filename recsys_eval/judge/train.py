"""Train the judge on the picture pack: ``coverlift train judge``.

Trains on the subjects of buckets 2 to 7, chooses the checkpoint and the temperature on bucket 1,
and at the end reports on bucket 0, which chooses nothing. Killed at any time, the same command
goes on from the last checkpoint and draws the same batches, because every step has its own seed.

Losses, on a batch of S subjects with V pictures each, in V different families:

- style: cross entropy with label smoothing over the six families;
- subject: supervised contrastive loss over pictures of the same subject (Khosla et al., NeurIPS
  2020, eq. 2) plus cross entropy over one learned proxy per training subject (Movshovitz-Attias
  et al., *No fuss distance metric learning using proxies*, ICCV 2017).
"""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from conf.command_line import told
from jobs.stickers.pack import PicturePack, Subject
from recsys_eval.judge.image_metrics import Pictures
from recsys_eval.judge.model import EMBEDDING_DIM, WEIGHTS_DIR, Judge, JudgeNetwork
from recsys_eval.judge.quality import monitor, real_pictures, write_judge
from reward_model.precision import autocast, compute_dtype

DIRECTED_GROUPS = ("symbols", "flags")
DIRECTED_SUBGROUPS = ("time", "hand-single-finger", "hand-fingers-partial", "hand-fingers-open")


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """Everything that decides the weights besides the pack."""

    steps: int = 2200
    """Optimiser steps."""
    subjects_per_batch: int = 24
    """Half of them from one group of subjects, so that a batch has hard negatives."""
    views: int = 4
    """Pictures of a subject in a batch, each in another family."""
    learning_rate: float = 2e-3
    """Peak; a linear rise over ``warmup`` steps, then half a cosine to zero."""
    warmup: int = 100
    """Steps of the rise."""
    weight_decay: float = 0.05
    """AdamW's decay of weight matrices."""
    ema: float = 0.995
    """Decay of the averaged weights, which are the ones kept."""
    label_smoothing: float = 0.05
    """Of the style labels."""
    seed: int = 7
    """Of the weights, the batches and the augmentation."""
    validate_every: int = 150
    """Steps between measurements on the validation subjects."""


@dataclass(frozen=True)
class Batch:
    """Augmented pictures and their labels.

    ``x`` (N, 3, 64, 64) float32 in [0, 1]; ``family``, ``subject`` (N,) int64; ``whole`` (N,)
    bool: False where a piece of another subject was pasted, which has no subject any more.
    """

    x: Tensor
    family: Tensor
    subject: Tensor
    whole: Tensor


class DrawingSampler:
    """Draws balanced batches of the training pictures.

    Parameters
    ----------
    pictures
        Of the training subjects.
    subjects
        Code -> subject, for its group and for whether its mirror image is still itself.
    """

    def __init__(self, pictures: Pictures, subjects: dict[str, Subject]) -> None:
        self.x = torch.from_numpy(pictures.pixels).permute(0, 3, 1, 2).contiguous()
        self.family = torch.from_numpy(pictures.families)
        self.codes, inverse = np.unique(pictures.codes, return_inverse=True)
        self.subject = torch.from_numpy(inverse)
        self.rows = [np.flatnonzero(inverse == s) for s in range(len(self.codes))]
        groups = np.array([subjects[code].group for code in self.codes])
        self.members = [np.flatnonzero(groups == group) for group in groups]
        self.flippable = torch.tensor([_same_in_a_mirror(subjects[code]) for code in self.codes])

    def draw(self, settings: JudgeSettings, step: int) -> Batch:
        """The batch of a step; the same for the same settings and step."""
        seed = settings.seed * 1_000_003 + step
        rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        half = settings.subjects_per_batch // 2
        anyone = rng.choice(len(self.codes), half, replace=False)
        near = self.members[rng.integers(len(self.codes))]
        near = np.setdiff1d(near, anyone)
        near = rng.choice(near, min(half, len(near)), replace=False)
        rows = torch.from_numpy(
            np.concatenate(
                [rng.permutation(self.rows[subject])[: settings.views] for subject in np.concatenate([anyone, near])]
            )
        )
        family, subject = self.family[rows], self.subject[rows]
        x, whole = augment(self.x[rows].float() / 255, family, self.flippable[subject], generator)
        return Batch(x, family, subject, whole)


def _same_in_a_mirror(subject: Subject) -> bool:
    """False where left and right matter: arrows, letters, flags, clocks, pointing hands."""
    label = subject.labels["en"]
    return not (
        subject.group in DIRECTED_GROUPS
        or subject.subgroup in DIRECTED_SUBGROUPS
        or any(word in label for word in ("left", "right", "clock"))
    )


def augment(x: Tensor, family: Tensor, flippable: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Make pictures look as differently as painted ones may, without changing their style.

    Whole-pixel shifts for all; small rotation and scale for half (the rest stay sharp); mirror
    images where allowed; a rectangle of another picture of the same family for a quarter; small
    changes of colour; blur for a third; noise.

    Parameters
    ----------
    x
        (N, 3, 64, 64) float32 in [0, 1].
    family
        (N,) int64.
    flippable
        (N,) bool.
    generator
        Source of all randomness.

    Returns
    -------
    tuple
        The pictures, and (N,) bool: True where no other subject was pasted.
    """
    n = len(x)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator) * (high - low) + low

    warped = uniform(0, 1, n) < 0.5
    angle = torch.where(warped, uniform(-0.15, 0.15, n), torch.zeros(n))
    zoom = torch.where(warped, uniform(0.88, 1.12, n), torch.ones(n))
    mirror = torch.where(flippable & (uniform(0, 1, n) < 0.5), -1.0, 1.0)
    shift = torch.randint(-4, 5, (n, 2), generator=generator) * (2 / x.shape[-1])
    theta = torch.stack(
        [zoom * angle.cos() * mirror, -zoom * angle.sin(), shift[:, 0],
         zoom * angle.sin() * mirror, zoom * angle.cos(), shift[:, 1]], dim=1,
    ).view(n, 2, 3)  # fmt: skip
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    x = 1 - F.grid_sample(1 - x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    x, whole = _paste_same_family(x, family, uniform(0, 1, n) < 0.25, generator)
    gain, offset = uniform(0.95, 1.05, n, 3, 1, 1), uniform(-0.03, 0.03, n, 3, 1, 1)
    x = torch.where((uniform(0, 1, n) < 0.5)[:, None, None, None], 1 - (1 - x) * gain + offset * (x < 0.98), x)
    strength = torch.where(uniform(0, 1, n) < 0.3, uniform(0, 0.8, n), torch.zeros(n))[:, None, None, None]
    x = x + strength * (F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1) - x)
    noise = torch.where(uniform(0, 1, n) < 0.5, 0.004, 0.02)[:, None, None, None] * uniform(0, 1, n, 1, 1, 1)
    x = x + noise * torch.randn(x.shape, generator=generator)
    return x.clamp(0, 1), whole


def _paste_same_family(x: Tensor, family: Tensor, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """CutMix (Yun et al., ICCV 2019) within a family: the style stays, the subject does not."""
    out, whole = x.clone(), torch.ones(len(x), dtype=torch.bool)
    for i in chosen.nonzero()[:, 0].tolist():
        others = (family == family[i]).nonzero()[:, 0]
        j = int(others[torch.randint(len(others), (1,), generator=generator)])
        height, width, top, left = torch.randint(16, 45, (4,), generator=generator).tolist()
        top, left = top - 16, left - 16
        out[i, :, top : top + height, left : left + width] = x[j, :, top : top + height, left : left + width]
        whole[i] = False
    return out, whole


def supervised_contrastive(embedding: Tensor, subject: Tensor, temperature: float = 0.1) -> Tensor:
    """Mean over anchors of ``-1/|P| sum_p log(exp(z.p / t) / sum_a exp(z.a / t))`` (Khosla et al., eq. 2).

    Parameters
    ----------
    embedding
        (N, D), L2-normalised.
    subject
        (N,) int64; P are the other rows of the same subject, a all other rows.
    temperature
        t.
    """
    self_mask = torch.eye(len(embedding), dtype=torch.bool)
    log_share = (embedding @ embedding.T / temperature).masked_fill(self_mask, -1e9).log_softmax(1)
    positive = (subject[:, None] == subject) & ~self_mask
    anchors = positive.any(1)
    per_anchor = -(log_share * positive).sum(1)[anchors] / positive.sum(1)[anchors]
    return per_anchor.mean()


class JudgeTrainer:
    """Weights, averaged weights, proxies and optimiser of one training; saved and resumed together."""

    def __init__(self, settings: JudgeSettings, n_subjects: int, *, fingerprint: str) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.fingerprint = settings, fingerprint
        self.network = JudgeNetwork()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = JudgeNetwork()
        self.ema.load_state_dict(self.network.state_dict())
        self.best = {name: tensor.clone() for name, tensor in self.ema.state_dict().items()}
        self.best_score = -1.0
        self.step = 0
        self.proxies = nn.Parameter(torch.randn(n_subjects, EMBEDDING_DIM) * 0.1)
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        vectors = [p for p in self.network.parameters() if p.ndim <= 1]
        self.parameters = [*matrices, *vectors, self.proxies]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": settings.weight_decay},
             {"params": [*vectors, self.proxies], "weight_decay": 0.0}],
            lr=settings.learning_rate,
        )  # fmt: skip

    def learn(self, batch: Batch) -> dict[str, float]:
        """One optimiser step; returns the losses and the training accuracy."""
        settings = self.settings
        torch.manual_seed(settings.seed * 1_000_003 + self.step)
        rate = settings.learning_rate * _schedule(self.step, settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        with autocast("cpu", compute_dtype("cpu")):
            output = self.network(batch.x)
        style = F.cross_entropy(output.style_logits, batch.family, label_smoothing=settings.label_smoothing)
        embedding, subject = output.embedding[batch.whole], batch.subject[batch.whole]
        contrastive = supervised_contrastive(embedding, subject)
        proxy = F.cross_entropy(16 * embedding @ F.normalize(self.proxies, dim=1).T, subject)
        loss = style + 0.5 * contrastive + 0.25 * proxy
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 5.0)
        self.optimizer.step()
        self.step += 1
        self._average()
        accuracy = (output.style_logits.argmax(1) == batch.family).float().mean()
        return {
            "style": style.item(), "contrastive": contrastive.item(), "proxy": proxy.item(), "accuracy": accuracy.item()
        }  # fmt: skip

    def _average(self) -> None:
        """Move the averaged weights and statistics towards the current ones."""
        share = 1 - min(self.settings.ema, (1 + self.step) / (10 + self.step))
        current = self.network.state_dict()
        for name, tensor in self.ema.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(current[name], share)
            else:
                tensor.copy_(current[name])

    def keep_if_best(self, score: float) -> bool:
        """Remember the averaged weights if the validation score is the best so far."""
        if score <= self.best_score:
            return False
        self.best_score = score
        self.best = {name: tensor.clone() for name, tensor in self.ema.state_dict().items()}
        return True

    def save(self, path: Path) -> None:
        """Write everything a resumed training needs, atomically, as safetensors."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"ema.{k}": v for k, v in self.ema.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        tensors["proxies"] = self.proxies.detach()
        for i, parameter in enumerate(self.parameters):
            tensors |= {f"optimizer.{i}.{k}": v for k, v in self.optimizer.state[parameter].items()}
        metadata = {"step": str(self.step), "best_score": repr(self.best_score), "fingerprint": self.fingerprint}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        save_file({k: v.contiguous() for k, v in tensors.items()}, partial, metadata)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Read what ``save`` wrote.

        Raises
        ------
        ValueError
            The checkpoint is of other settings or another pack.
        """
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        if metadata["fingerprint"] != self.fingerprint:
            raise ValueError(f"{path} belongs to other settings: delete it, or pass another --work folder")
        tensors = load_file(path)

        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        self.network.load_state_dict(part("network."))
        self.ema.load_state_dict(part("ema."))
        self.best = part("best.")
        with torch.no_grad():
            self.proxies.copy_(tensors["proxies"])
        for i, parameter in enumerate(self.parameters):
            self.optimizer.state[parameter] = part(f"optimizer.{i}.")
        self.step, self.best_score = int(metadata["step"]), float(metadata["best_score"])


def _schedule(step: int, settings: JudgeSettings) -> float:
    """Share of the peak learning rate."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    return 0.5 * (1 + math.cos(math.pi * (step - settings.warmup) / (settings.steps - settings.warmup)))


def train(trainer: JudgeTrainer, sampler: DrawingSampler, validation: Pictures, checkpoint: Path, stop: int) -> None:
    """Run to step ``stop``, printing progress, keeping the best and saving as it goes."""
    settings = trainer.settings
    started, first = time.monotonic(), trainer.step
    while trainer.step < stop:
        losses = trainer.learn(sampler.draw(settings, trainer.step))
        if trainer.step % 25 == 0:
            speed = (trainer.step - first) / (time.monotonic() - started)
            text = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
            print(f"step {trainer.step}/{settings.steps} {text} {speed:.2f} steps/s", flush=True)
        if trainer.step % settings.validate_every == 0 or trainer.step == stop:
            seen = monitor(Judge(trainer.ema), validation)
            kept = trainer.keep_if_best((seen["style_accuracy"] + seen["recall_at_1"]) / 2)
            text = " ".join(f"{name} {value:.4f}" for name, value in seen.items())
            print(f"validation at {trainer.step}: {text}{' (best)' if kept else ''}", flush=True)
            trainer.save(checkpoint)


@dataclass(frozen=True, kw_only=True)
class JudgeTraining:
    """Options of :func:`train_judge`; another seed makes a second classifier."""

    date: str
    """Day of the training, for the manifest: YYYY-MM-DD."""
    out: Path = WEIGHTS_DIR
    """Folder of the weights and the manifest."""
    work: Path = Path("var/judge")
    """Folder of the checkpoint."""
    stop: int | None = None
    """End after this step, the schedule unfinished; None: after the last."""
    threads: int = 2
    """CPU threads."""
    settings: JudgeSettings = JudgeSettings()


def train_judge(options: JudgeTraining) -> None:
    """Train or resume, then write the weights and their manifest."""
    torch.set_num_threads(options.threads)
    settings = options.settings
    pack = PicturePack.load()
    sampler = DrawingSampler(real_pictures(pack, "train"), {s.code: s for s in pack.subjects})
    trainer = JudgeTrainer(settings, len(sampler.codes), fingerprint=repr(settings))
    checkpoint = options.work / "checkpoint.safetensors"
    if checkpoint.is_file():
        trainer.resume(checkpoint)
    stop = min(options.stop or settings.steps, settings.steps)
    train(trainer, sampler, real_pictures(pack, "validation"), checkpoint, stop)
    command = told("coverlift train judge", options)
    facts = {"command": command, "date": options.date, "settings": asdict(settings)}
    write_judge(trainer.best, pack, options.out, facts)
