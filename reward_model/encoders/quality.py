"""What the aligned encoder's projections can do, on one split of the subjects, with intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.lake.arrays import Floats, Floats32, Ints, Strings
from jobs.lake.splits import Split, split_of
from jobs.stickers.pack import FAMILIES, PicturePack

RESAMPLES = 1000
"""Bootstrap samples of subjects behind every interval."""


@dataclass(frozen=True)
class Pictures:
    """All pictures of a pack as rows: which subject, which family, which split.

    ``keys`` (code, family) per picture; ``subject`` and ``family`` (P,) int64 numbers;
    ``split`` (S,) of each subject.
    """

    keys: list[tuple[str, str]]
    subject: Ints
    family: Ints
    split: Strings

    @classmethod
    def of(cls, pack: PicturePack) -> "Pictures":
        """All pictures of the pack, subject by subject."""
        codes = pack.codes()
        rows = [(number, family) for number, code in enumerate(codes) for family in pack.families_of(code)]
        return cls(
            keys=[(codes[number], family) for number, family in rows],
            subject=np.array([number for number, _ in rows]),
            family=np.array([FAMILIES.index(family) for _, family in rows]),
            split=np.array([split_of(code) for code in codes]),
        )

    def rows(self, split: Split) -> Ints:
        """Numbers of the pictures whose subject is in the split."""
        return np.flatnonzero(self.split[self.subject] == split)

    def subjects(self, split: Split) -> Ints:
        """Numbers of the subjects in the split."""
        return np.flatnonzero(self.split == split)

    def two_of(self, subject: int, generator: np.random.Generator) -> Ints:
        """Two pictures of a subject, in different families."""
        first, last = np.searchsorted(self.subject, [subject, subject + 1])
        return generator.choice(np.arange(first, last), 2, replace=False)


def retrieval_figures(
    pictures: Pictures,
    split: Split,
    images: Floats32,
    texts: Floats32,
    labels: Floats32,
    *,
    intervals: bool = True,
) -> dict[str, Any]:
    """Recall at 1 and 10 among the subjects of a split.

    Text to image: a gallery is one family's pictures of all these subjects (mean over families that
    have all); a hit is the subject's own picture. Image to image: the gallery is every picture of
    the other families; a hit is any picture of the same subject.

    Parameters
    ----------
    pictures, split
        Which rows count.
    images
        (P, 128) float32, L2-normalised.
    texts, labels
        (S, 128) float32, L2-normalised: of label and tags, and of the label alone.
    intervals
        Whether to bootstrap the subjects.
    """
    subjects = pictures.subjects(split)
    found: dict[str, Any] = {"n_subjects": len(subjects)}
    for name, queries in (("text", texts), ("label", labels)):
        ranks = text_ranks(pictures, subjects, images, queries)
        for k in (1, 10):
            found[f"{name}_to_image_recall_at_{k}"] = summary((ranks < k).mean(1), intervals)
    if intervals:
        ranks, owner = image_ranks(pictures, split, images)
        for k in (1, 10):
            per_subject = np.array([(ranks[owner == subject] < k).mean() for subject in subjects])
            found[f"image_to_other_family_recall_at_{k}"] = summary(per_subject, intervals)
    return found


def text_ranks(pictures: Pictures, subjects: Ints, images: Floats32, texts: Floats32) -> Ints:
    """(subjects, complete families) rank, from 0, of the subject's own picture in each family's gallery."""
    columns = []
    for family in range(len(FAMILIES)):
        rows = np.flatnonzero((pictures.family == family) & np.isin(pictures.subject, subjects))
        if len(rows) < len(subjects):
            continue
        similarity = texts[subjects] @ images[rows].T
        columns.append((similarity > np.diag(similarity)[:, None]).sum(1))
    return np.stack(columns, axis=1)


def image_ranks(pictures: Pictures, split: Split, images: Floats32) -> tuple[Ints, Ints]:
    """Per picture of the split: rank of the nearest same-subject picture of another family; its subject."""
    rows = pictures.rows(split)
    subject, family = pictures.subject[rows], pictures.family[rows]
    similarity = images[rows] @ images[rows].T
    other = family[:, None] != family[None]
    same = (subject[:, None] == subject[None]) & other
    nearest = np.where(same, similarity, -np.inf).max(1)
    return ((similarity > nearest[:, None]) & other).sum(1), subject


def style_figures(
    pictures: Pictures,
    split: Split,
    styles: Floats32,
    augmented: Floats32,
    *,
    intervals: bool = True,
) -> dict[str, Any]:
    """Share of a split's pictures whose nearest training centroid is their own family's.

    Parameters
    ----------
    pictures, split
        Which rows count.
    styles, augmented
        (P, 32) float32, L2-normalised, of the pictures as they are and of augmented views.
    intervals
        Whether to bootstrap the subjects.
    """
    rows, subject = pictures.rows(split), pictures.subject[pictures.rows(split)]
    centroids = family_centroids(pictures, styles)
    found: dict[str, Any] = {"n_pictures": len(rows)}
    for name, embeddings in (("nearest_centroid", styles), ("nearest_centroid_augmented", augmented)):
        right = (embeddings[rows] @ centroids.T).argmax(1) == pictures.family[rows]
        per_subject = np.array([right[subject == number].mean() for number in pictures.subjects(split)])
        found[name] = summary(per_subject, intervals)
        if intervals:
            found[f"{name}_by_family"] = {
                family: round(float(right[pictures.family[rows] == number].mean()), 4)
                for number, family in enumerate(FAMILIES)
            }
    return found


def family_centroids(pictures: Pictures, styles: Floats32) -> Floats32:
    """(6, 32) L2-normalised mean style of each family's training pictures."""
    train = pictures.rows("train")
    means = np.stack([styles[train][pictures.family[train] == family].mean(0) for family in range(len(FAMILIES))])
    normalised: Floats32 = means / np.linalg.norm(means, axis=1, keepdims=True)
    return normalised


def summary(per_subject: Floats, intervals: bool) -> dict[str, float]:
    """Mean over subjects, with its 95% percentile bootstrap interval (1,000 resamples, fixed seed)."""
    found = {"value": round(float(per_subject.mean()), 4)}
    if intervals:
        draws = np.random.default_rng(0).integers(0, len(per_subject), (RESAMPLES, len(per_subject)))
        low, high = np.quantile(per_subject[draws].mean(1), [0.025, 0.975])
        found |= {"low": round(float(low), 4), "high": round(float(high), 4)}
    return found
