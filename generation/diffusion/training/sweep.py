"""What steps and guidance give, on validation subjects: ``coverlift study sweep``.

Paints the same pairs with every combination and prints, for each, how often the painted
cover lies nearest the asked family's centroid in the encoder's style space, how near it is to a
real drawing of its subject (greatest cosine in the aligned space, mean over pairs), how often the
aligned embedding finds the subject among all validation subjects (R@10), its greatest structural
similarity to a real drawing (no weights, so nothing was trained on it), the mean absolute error to
the true drawing, and pictures a second on this machine. The settings of a night are
chosen by this table; the judge and the held-out subjects have no part in it.
"""

import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from generation.alignment.monitor import drawings_of, nearest_drawing
from generation.diffusion.painter import BY_ITSELF, Painter
from generation.diffusion.training.data import Drawings, Pairs, PairSampler, load_drawings
from generation.rewards.relevance import REFERENCE_SHARE
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import EMBED_DIM, Encoders, encode_pictures, load_encoders

SEED = 3
BATCH = 32


def centroids(drawings: Drawings) -> NDArray[np.float32]:
    """(families, style_dim) mean style of each family's drawings, at unit length."""
    style = drawings.look[:, EMBED_DIM:]
    means = np.stack([style[drawings.family == family].mean(0) for family in range(len(drawings.families))])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)


def redrawn_relevance(drawings: Drawings, encoders: Encoders, labels: dict[str, str]) -> list[float]:
    """Deciles of the relevance of one family's drawing when another's is the original: a scale for policies."""
    embedding, relevance = drawings.look[:, :EMBED_DIM], []
    _, titles = encoders.text.encode([labels[code] for code in drawings.codes])
    for subject, title in enumerate(titles):
        drawn = embedding[drawings.subject == subject]
        blend = REFERENCE_SHARE * drawn @ drawn.T + (1 - REFERENCE_SHARE) * (drawn @ title)[:, None]
        relevance += blend[~np.eye(len(drawn), dtype=bool)].tolist()
    return [round(float(value), 2) for value in np.quantile(relevance, np.linspace(0.1, 0.9, 9))]


def paint_pairs(
    painter: Painter, pairs: Pairs, titles: list[str], *, steps: int, guidance: float, method: str = BY_ITSELF
) -> tuple[NDArray[np.uint8], float]:
    """The painted pairs (B, 64, 64, 3) uint8 and pictures a second."""
    references = ((pairs.reference.permute(0, 2, 3, 1).numpy() + 1) * 127.5).round().astype(np.uint8)
    begin, parts = time.perf_counter(), []
    for start in range(0, len(titles), BATCH):
        rows = slice(start, start + BATCH)
        parts.append(
            painter.paint(
                prompts=titles[rows],
                references=references[rows],
                preferences=pairs.preference[rows].numpy(),
                seeds=np.arange(len(titles))[rows],
                steps=steps,
                guidance=guidance,
                method=method,
            )
        )
    return np.concatenate(parts), len(titles) / (time.perf_counter() - begin)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Options of :func:`sweep`."""

    checkpoint: Path | None = None
    """None: the shipped one."""
    rows: int = 192
    """Pairs to paint."""
    steps: tuple[int, ...] = (2, 3, 4, 8)
    guidance: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0)


def sweep(options: Sweep) -> None:
    """Paint and print the table."""
    pack, encoders = PicturePack.load(), load_encoders()
    drawings = load_drawings(pack, encoders, "validation")
    pairs = PairSampler(drawings, seed=SEED, drop=0.0, same_family=0.0, jitter=False).draw(0, options.rows)
    labels = {subject.code: subject.labels["en"] for subject in pack.subjects}
    codes = [drawings.codes[number] for number in pairs.subject]
    titles = [labels[code] for code in codes]
    painter, centres = Painter.load(options.checkpoint), centroids(drawings)
    subjects = np.arange(len(drawings.codes))
    pictures, present = drawings_of(pack, codes)
    real = [drawings.look[drawings.subject == number, :EMBED_DIM] for number in subjects]
    means = np.stack([drawn.mean(0) for drawn in real])
    target = pairs.target.permute(0, 2, 3, 1).numpy()
    print(
        "relevance of real redrawings to the original and title, deciles:",
        *redrawn_relevance(drawings, encoders, labels),
    )
    print(f"{options.rows} pairs of validation subjects, the asked family never the reference's")
    print("steps  guidance  style right  near  subject R@10  structure  error  pictures/s")
    for steps, guidance in product(options.steps, options.guidance):
        pixels, speed = paint_pairs(painter, pairs, titles, steps=steps, guidance=guidance)
        embedding, style = encode_pictures(encoders.image, pixels)
        right = (style @ centres.T).argmax(1) == pairs.family.numpy()
        scores = embedding @ means.T
        rank = (scores > scores[np.arange(len(codes)), pairs.subject][:, None]).sum(1)
        found, error = (rank < 10).mean(), np.abs(pixels / 127.5 - 1 - target).mean()
        planes = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        same = float(nearest_drawing(planes, pictures, present).mean())
        near = [(embedding[row] @ real[subject].T).max() for row, subject in enumerate(pairs.subject)]
        figures = f"{right.mean():11.3f}  {np.mean(near):4.2f}  {found:12.3f}  {same:9.3f}  {error:5.3f}  {speed:10.1f}"
        print(f"{steps:5d}  {guidance:8.1f}  {figures}", flush=True)
