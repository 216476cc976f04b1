"""Covers that look alike: exact cosine over the embeddings that the night computed anyway."""

import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from conf.errors import Unknown, UsageError
from generation.catalogue import CoverVectors
from jobs.lake.lake import Lake


def unit_vectors(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, D) embeddings at length 1; zero where they were zero or not finite."""
    vectors = np.asarray(embeddings, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = np.isfinite(lengths) & (lengths > 0)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=whole)


@dataclass(frozen=True)
class SimilarCovers:
    """Embeddings of covers, ready to be searched; they never change, and threads may share them.

    Parameters
    ----------
    cover_ids
        N ids, each once.
    vectors
        (N, D) float32, L2-normalised; zero where the embedding was zero or not finite, which resembles nothing.
    """

    cover_ids: tuple[str, ...]
    vectors: NDArray[np.float32]
    _place: dict[str, int] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, cover_ids: Iterable[str], embeddings: NDArray[np.float32]) -> "SimilarCovers":
        """From (N, D) embeddings of any length."""
        names = tuple(cover_ids)
        return cls(names, unit_vectors(embeddings), {name: place for place, name in enumerate(names)})

    def nearest(
        self, cover_id: str, *, among: Collection[str] | None = None, limit: int = 24
    ) -> list[tuple[str, float]]:
        """Covers and their cosine to a cover, most alike first, itself left out.

        Parameters
        ----------
        cover_id
            One of the covers.
        among
            Only these; None is all.
        limit
            How many.

        Raises
        ------
        Unknown
            When the cover has no embedding.
        """
        if cover_id not in self._place:
            raise Unknown("This cover has no embedding: run `coverlift encode`, or `coverlift generate` for its night.")
        own = self._place[cover_id]
        places = np.asarray(
            [place for name, place in self._place.items() if place != own]
            if among is None
            else [self._place[name] for name in set(among) if name in self._place and name != cover_id],
            np.int64,
        )
        if not len(places) or limit < 1:
            return []
        cosines = (self.vectors if among is None else self.vectors[places]) @ self.vectors[own]
        cosines = cosines[places] if among is None else cosines
        if len(places) > limit:
            kept = np.argpartition(-cosines, limit - 1)[:limit]
            places, cosines = places[kept], cosines[kept]
        found = [(self.cover_ids[place], float(cosine)) for place, cosine in zip(places, cosines, strict=True)]
        return sorted(found, key=lambda each: (-each[1], each[0]))


class Lookalikes:
    """Search among all covers that the lake has embeddings of; read again when a night added some.

    Parameters
    ----------
    lake
        Has cover_features.
    encoder_id
        Whose embeddings; None where the covers have those of one encoder only (``features.encoder_id``).
    """

    def __init__(self, lake: Lake, encoder_id: str | None = None) -> None:
        self.lake = lake
        self.encoder_id = encoder_id
        self._turn = threading.Lock()
        self._read: tuple[int, SimilarCovers] | None = None

    def near(self, cover_id: str, among: Collection[str], limit: int = 12) -> list[tuple[str, float]]:
        """The most similar of the covers with their cosine, best first.

        Raises
        ------
        Unknown
            When the cover has no embedding.
        UsageError
            When there are embeddings of several encoders and none was chosen.
        """
        return self.covers().nearest(cover_id, among=among, limit=limit)

    def covers(self) -> SimilarCovers:
        """All covers with an embedding, as the lake has them now."""
        with self._turn:
            version = self.lake.version("cover_features")
            if self._read is None or self._read[0] != version:
                vectors = CoverVectors.read(self.lake, self.encoder()) if version >= 0 else None
                if vectors is None or not vectors.rows:
                    raise Unknown("There are no embeddings yet: run `coverlift encode`.")
                self._read = (version, SimilarCovers.of(vectors.rows, vectors.embeddings))
            return self._read[1]

    def encoder(self) -> str:
        """Whose embeddings are compared.

        Raises
        ------
        UsageError
            When there are those of several encoders and none was chosen.
        """
        known = sorted(set(self.lake.read("cover_features", columns=["encoder_id"])["encoder_id"].to_pylist()))
        if self.encoder_id is None and len(known) > 1:
            raise UsageError(
                f"Embeddings of {len(known)} encoders: set features.encoder_id to one of {', '.join(known)}."
            )
        return self.encoder_id or next(iter(known), "")
