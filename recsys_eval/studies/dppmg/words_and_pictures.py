"""Can a title be told from others by the cover that it stands with? ``coverlift study words-and-pictures``.

A reward that asks picture and title to agree needs an encoder that finds the picture of a title. Two are tried on
subjects that neither was trained on: the packaged one (MiniLM, English alone), and one that is trained here, in
minutes, from hashed n-grams of characters, with InfoNCE (van den Oord et al. 2018, arXiv 1807.03748) between strings
of training subjects in four languages and their drawings. A subject is found where its own drawings, in the mean, are
nearest by cosine.
"""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jobs.features.log import Catalogue, read_catalogue
from jobs.lake.arrays import Floats32
from jobs.lake.context import Context
from jobs.lake.schema.columns import EMBED_DIM
from jobs.simulator.wording import KINDS, PLAIN, title
from jobs.stickers.pack import LANGUAGES, PicturePack, Subject
from recsys_eval.statistics.bootstrap import Interval, bootstrap_mean
from reward_model.encoders.model import load_text_encoder

BUCKETS, ORDERS = 4096, (2, 3, 4)
"""Of hashed n-grams, and their lengths."""
FEW = 8
"""Subjects of the easier question: the right one and seven others."""


@dataclass(frozen=True, kw_only=True)
class WordsAndPictures:
    """Options of :func:`words_and_pictures`."""

    split: Literal["validation", "held_out"] = "validation"
    """Whose subjects are looked for."""
    steps: int = 3000
    """Of training."""
    batch: int = 256
    """Subjects a step."""
    learning_rate: float = 2e-3
    """Of Adam, to 0 by a cosine."""
    temperature: float = 0.05
    """Of InfoNCE."""
    seed: int = 61
    """Of weights, batches and the subjects beside the right one."""
    threads: int = 2
    """CPU threads."""


def grams(text: str) -> list[int]:
    """Buckets of a text's n-grams of characters, with a space at each end.

    Examples
    --------
    >>> len(grams("fox"))  # " fox ": four pairs, three of three, two of four
    9
    """
    padded = f" {text.casefold()} "
    return [
        zlib.crc32(padded[at : at + size].encode()) % BUCKETS for size in ORDERS for at in range(len(padded) - size + 1)
    ]


class WordsEncoder(nn.Module):
    """Texts of any language to directions in the space of pictures' embeddings: a mean of n-grams, then two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.grams = nn.EmbeddingBag(BUCKETS, EMBED_DIM, mode="mean")
        self.layers = nn.Sequential(nn.LayerNorm(EMBED_DIM), nn.Linear(EMBED_DIM, 2 * EMBED_DIM), nn.GELU())
        self.out = nn.Linear(2 * EMBED_DIM, EMBED_DIM)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """(N, 128) unit vectors of N texts."""
        found = [grams(text) for text in texts]
        starts = np.cumsum([0, *(len(each) for each in found[:-1])])
        bags = self.grams(torch.tensor(list(chain.from_iterable(found))), torch.from_numpy(starts))
        return F.normalize(self.out(self.layers(bags)), dim=1)


def trained_words_encoder(
    subjects: Sequence[Subject], drawings: Sequence[Floats32], options: WordsAndPictures
) -> WordsEncoder:
    """Train on subjects and their drawings' embeddings, ``(families, 128)`` a subject."""
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    encoder = WordsEncoder()
    optimiser = torch.optim.Adam(encoder.parameters(), lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.steps)
    size = min(options.batch, len(subjects))
    for _ in range(options.steps):
        rows = rng.permutation(len(subjects))[:size]
        texts = [
            title(subjects[row], int(rng.integers(len(KINDS))), LANGUAGES[int(rng.integers(len(LANGUAGES)))])
            for row in rows
        ]
        pictures = np.stack([drawings[row][rng.integers(len(drawings[row]))] for row in rows])
        scores = encoder(texts) @ torch.from_numpy(pictures).T / options.temperature
        wanted = torch.arange(size)
        loss = (F.cross_entropy(scores, wanted) + F.cross_entropy(scores.T, wanted)) / 2
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return encoder


def found_first(texts: Floats32, pictures: Floats32, *, among: int | None, seed: int) -> list[float]:
    """(N,) chance that the n-th text finds the n-th picture first, among all or among some drawn at random.

    Parameters
    ----------
    texts, pictures
        (N, 128) unit vectors.
    among
        Number of pictures that one is looked for in; None is all N.
    seed
        Of drawing the others.

    Examples
    --------
    >>> found_first(np.eye(3), np.eye(3)[[0, 2, 1]], among=None, seed=0)
    [1.0, 0.0, 0.0]
    """
    scores = texts @ pictures.T
    if among is None:
        return [float(found == row) for row, found in enumerate(scores.argmax(axis=1))]
    rng, found = np.random.default_rng(seed), list[float]()
    for row, mine in enumerate(scores):
        others = np.delete(mine, row)
        found.append(float(mine[row] > rng.choice(others, size=min(among - 1, len(others)), replace=False).max()))
    return found


def embedded(pack: PicturePack, codes: Sequence[str], catalogue: Catalogue) -> list[Floats32]:
    """Of each subject the embeddings of its drawings as the night encoded them, ``(families, 128)``."""
    found = []
    for code in codes:
        digests = [hashlib.sha256(pack.bytes(code, family)).hexdigest() for family in pack.families_of(code)]
        places = catalogue.covers.get_indexer(pd.Index(digests))
        found.append(np.asarray(catalogue.embeddings[places[places >= 0]], np.float32))
    return found


def middle(drawings: Sequence[Floats32]) -> Floats32:
    """(N, 128) unit vectors: the mean drawing of each subject."""
    means = np.stack([each.mean(axis=0) for each in drawings])
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)


def words_and_pictures(ctx: Context, options: WordsAndPictures) -> None:
    """Train, look for the pictures of plain titles, and print a table."""
    torch.set_num_threads(options.threads)
    pack, catalogue = PicturePack.load(), read_catalogue(ctx.lake, ctx.settings.features.encoder_id)
    there = set(catalogue.items)
    known, asked = ([code for code in pack.codes(split) if code in there] for split in ("train", options.split))
    drawings = embedded(pack, known, catalogue)
    pictures = middle(embedded(pack, asked, catalogue))
    words = trained_words_encoder([pack.subject(code) for code in known], drawings, options)

    def told(texts: Floats32, where: Floats32) -> list[Interval]:
        rows = np.arange(len(texts))
        return [
            bootstrap_mean(np.array(found_first(texts, where, among=among, seed=options.seed)), rows, seed=options.seed)
            for among in (None, FEW)
        ]

    def titles(codes: Sequence[str], language: str) -> list[str]:
        return [title(pack.subject(code), PLAIN, language) for code in codes]

    rows = [("packaged, en", told(load_text_encoder().encode(titles(asked, "en"))[1], pictures))]
    with torch.inference_mode():
        rows += [
            (f"n-grams, {language}", told(words(titles(asked, language)).numpy(), pictures)) for language in LANGUAGES
        ]
        rows.append(("n-grams, en, training subjects", told(words(titles(known, "en")).numpy(), middle(drawings))))
    print(
        f"plain titles of {len(asked)} {options.split} subjects; n-grams trained {options.steps} steps on {len(known)}"
    )
    print(f"\n| title, by | found first among all, % | among {FEW}, % |\n|---|---|---|")
    for name, cells in rows:
        shown = (f"{100 * cell.value:.1f} [{100 * cell.low:.1f}, {100 * cell.high:.1f}]" for cell in cells)
        print(f"| {name} | {' | '.join(shown)} |")
