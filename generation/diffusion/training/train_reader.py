"""Trains the reader that the generator's training asks: ``coverlift train reader``.

On training subjects only. A batch shows some subjects in several families each, some bent to another
family's outlines, shifted, scaled and noised. Losses: cross entropy over the families, and the supervised
contrastive loss over pictures of one subject (Khosla et al., NeurIPS 2020, https://arxiv.org/abs/2004.11362).
Validation subjects are only looked at.

Killed at any time, the same command goes on from its last checkpoint, which lies beside the reader.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generation.diffusion.training.data import Bends, Drawings, load_drawings, planes_of
from generation.diffusion.training.reader import READER_SEEDS, Reader, augmented, reader_file
from generation.training_state import (
    load_optimizer,
    optimizer_state,
    part_of,
    read_checkpoint,
    write_checkpoint,
)
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_encoders
from reward_model.precision import autocast, compute_dtype

RATE = 2e-3
WARMUP = 100
VIEWS = 4
"""Pictures of a subject in a batch, each by another family."""
TEMPERATURE = 0.1
"""Of the contrastive loss."""
BENT = 0.3
"""Share of the pictures that are bent to the outlines of another drawing of their subject."""


class Views:
    """Draws batches of augmented drawings; the batch of a step depends only on the seed and the step."""

    def __init__(self, drawings: Drawings, bends: Bends, *, seed: int) -> None:
        self.drawings, self.bends, self.seed = drawings, bends, seed
        self.rows = [np.flatnonzero(drawings.subject == number) for number in range(len(drawings.codes))]

    def draw(self, step: int, subjects: int) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (N, 3, 64, 64) in [-1, 1], their subjects (N,) and families (N,)."""
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.choice(len(self.rows), subjects, replace=False)
        rows = np.concatenate([rng.permutation(self.rows[subject])[:VIEWS] for subject in chosen])
        pictures = planes_of(self.drawings.pixels[rows])
        subject = self.drawings.subject[rows]
        onto = np.array([rng.choice(self.rows[number]) for number in subject])
        onto = np.where(rng.random(len(rows)) < BENT, onto, rows)
        pictures, _ = self.bends(onto, rows, pictures)
        mirrored = torch.from_numpy((rng.random(len(self.rows)) < 0.5)[subject])
        pictures = torch.where(mirrored.view(-1, 1, 1, 1), pictures.flip(3), pictures)
        pictures = augmented(pictures, torch.Generator().manual_seed(self.seed * 1_000_003 + step))
        return pictures, torch.from_numpy(subject), torch.from_numpy(self.drawings.family[rows])


def supervised_contrastive(embedding: Tensor, subject: Tensor) -> Tensor:
    """Mean over pictures of the mean negative log share of the same subject's other pictures.

    Parameters
    ----------
    embedding
        (N, D), L2-normalised.
    subject
        (N,) int64, each at least twice.
    """
    itself = torch.eye(len(embedding), dtype=torch.bool)
    share = (embedding @ embedding.T / TEMPERATURE).masked_fill(itself, -torch.inf).log_softmax(1)
    same = (subject[:, None] == subject) & ~itself
    return -(share.masked_fill(~same, 0).sum(1) / same.sum(1)).mean()


@torch.inference_mode()
def look(reader: Reader, drawings: Drawings) -> dict[str, float]:
    """On whole drawings of other subjects: families told apart, and a nearest neighbour of the same subject."""
    reader.eval()
    found = [reader(planes_of(drawings.pixels[start : start + 128])) for start in range(0, len(drawings.family), 128)]
    reader.train()
    subject, family = (torch.cat(each) for each in zip(*found, strict=True))
    near = (subject @ subject.T).fill_diagonal_(-1).argmax(1).numpy()
    return {
        "family": float((family.argmax(1).numpy() == drawings.family).mean()),
        "subject": float((drawings.subject[near] == drawings.subject).mean()),
    }


@dataclass(frozen=True, kw_only=True)
class ReaderSettings:
    """Everything that decides a reader's weights besides the pack."""

    steps: int = 2000
    subjects: int = 24
    """In a batch."""
    seed: int = READER_SEEDS[0]
    """Of weights and batches."""


class ReaderTrainer:
    """A reader with its optimiser; saves and resumes.

    Parameters
    ----------
    settings
        Of the run.
    views
        Of training drawings.
    """

    def __init__(self, settings: ReaderSettings, views: Views) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.views, self.step = settings, views, 0
        self.dtype = compute_dtype("cpu")
        self.reader = Reader()
        self.reader.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(self.reader.parameters(), lr=RATE, weight_decay=0.05)
        rise = min(0.5, WARMUP / settings.steps)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, RATE, settings.steps, pct_start=rise)

    def learn(self) -> dict[str, float]:
        """One optimiser step; returns the losses."""
        pictures, subject, family = self.views.draw(self.step, self.settings.subjects)
        with autocast("cpu", self.dtype):
            reading = self.reader(pictures)
        losses = {
            "family": F.cross_entropy(reading.family, family, label_smoothing=0.05),
            "subject": supervised_contrastive(reading.subject, subject),
        }
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack([*losses.values()]).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.reader.parameters(), 5.0)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def save(self, path: Path) -> None:
        """Write the weights, the optimiser and the state of the dropout's draws, then rename the file into place."""
        tensors = {f"reader.{name}": tensor for name, tensor in self.reader.state_dict().items()}
        tensors |= {**optimizer_state(self.optimizer, "optimizer"), "draws": torch.get_rng_state()}
        write_checkpoint(path, tensors, {"step": str(self.step), "settings": repr(self.settings)})

    def resume(self, path: Path) -> None:
        """Continue from a file of :meth:`save`.

        Raises
        ------
        ValueError
            The file was written under other settings.
        """
        tensors, self.step = read_checkpoint(path, self.settings, elsewhere="give another --out")
        self.reader.load_state_dict(part_of(tensors, "reader."))
        load_optimizer(self.optimizer, tensors, "optimizer")
        torch.set_rng_state(tensors["draws"])
        state = self.schedule.state_dict() | {"last_epoch": self.step - 1, "_step_count": self.step}
        self.schedule.load_state_dict(state)
        self.schedule.step()  # sets the rate and the momentum of the next step


@dataclass(frozen=True, kw_only=True)
class ReaderTraining:
    """Options of :func:`train_reader`."""

    out: Path | None = None
    """File to write; None: where the generator's second half looks for the reader of the seed."""
    bends: Path = Path("var/generator/bends.safetensors")
    """File of what bends one drawing to another's outlines, kept when made."""
    stop: int | None = None
    """End after this step, the schedule unfinished; None: after the last."""
    every: int = 500
    """Steps between validation passes and checkpoints."""
    threads: int = 2
    """CPU threads."""
    settings: ReaderSettings = ReaderSettings()


def train_reader(options: ReaderTraining) -> None:
    """Train or resume, then write the reader."""
    torch.set_num_threads(options.threads)
    settings = options.settings
    out = options.out or reader_file(settings.seed)
    encoders, pack = load_encoders(), PicturePack.load()
    drawings, validation = (load_drawings(pack, encoders, split) for split in ("train", "validation"))
    trainer = ReaderTrainer(settings, Views(drawings, Bends(drawings, options.bends), seed=settings.seed))
    checkpoint, started = out.with_name(f"{out.stem}-checkpoint.safetensors"), time.monotonic()
    if checkpoint.is_file():
        trainer.resume(checkpoint)
        print(f"goes on after step {trainer.step}", flush=True)
    stop = options.stop or settings.steps
    while trainer.step < stop:
        losses = trainer.learn()
        if trainer.step % 100 == 0:
            text = " ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
            print(f"step {trainer.step}/{settings.steps} {text} {time.monotonic() - started:.0f} s", flush=True)
        if trainer.step % options.every == 0 or trainer.step == stop:
            seen = look(trainer.reader, validation)
            print(f"validation at {trainer.step}: " + " ".join(f"{k} {v:.3f}" for k, v in seen.items()), flush=True)
            trainer.save(checkpoint)
            trainer.reader.save(out)
