"""Trains the reader that the generator's training asks: ``python -m generation.diffusion.train_reader``.

On training subjects only. A batch shows some subjects in several families each, some bent to another
family's outlines, shifted, scaled and noised. Losses: cross entropy over the families, and the supervised
contrastive loss over pictures of one subject (Khosla et al., NeurIPS 2020, https://arxiv.org/abs/2004.11362).
Validation subjects are only looked at.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generation.diffusion.data import Bends, Drawings, load_drawings, planes_of
from generation.diffusion.reader import READER_SEEDS, Reader, augmented, reader_file
from jobs.ingest.stickers.pack import PicturePack
from reward_model.encoders import compute_dtype, load_encoders

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


def main() -> None:
    """Train and write the reader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=READER_SEEDS[0])
    parser.add_argument("--out", type=Path, help="default: where sharpen looks for the reader of the seed")
    parser.add_argument("--bends", type=Path, default=Path("var/generator/bends.safetensors"), help="kept when made")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--subjects", type=int, default=24, help="in a batch")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    out = arguments.out or reader_file(arguments.seed)
    encoders, pack = load_encoders(), PicturePack.load()
    drawings, validation = (load_drawings(pack, encoders, split) for split in ("train", "validation"))
    views = Views(drawings, Bends(drawings, arguments.bends), seed=arguments.seed)
    reader = Reader()
    reader.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(reader.parameters(), lr=RATE, weight_decay=0.05)
    rise = min(0.5, WARMUP / arguments.steps)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, arguments.steps, pct_start=rise)
    started, dtype = time.monotonic(), compute_dtype("cpu")
    for step in range(arguments.steps):
        pictures, subject, family = views.draw(step, arguments.subjects)
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            reading = reader(pictures)
        losses = {
            "family": F.cross_entropy(reading.family, family, label_smoothing=0.05),
            "subject": supervised_contrastive(reading.subject, subject),
        }
        optimizer.zero_grad(set_to_none=True)
        torch.stack([*losses.values()]).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            text = " ".join(f"{name} {float(loss.detach()):.3f}" for name, loss in losses.items())
            print(f"step {step + 1}/{arguments.steps} {text} {time.monotonic() - started:.0f} s", flush=True)
        if (step + 1) % 500 == 0 or step + 1 == arguments.steps:
            seen = look(reader, validation)
            print(f"validation at {step + 1}: " + " ".join(f"{k} {v:.3f}" for k, v in seen.items()), flush=True)
            reader.save(out)


if __name__ == "__main__":
    main()
