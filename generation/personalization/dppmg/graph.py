"""Who clicked what, as arrays: a bipartite graph of users and nodes for each modality, and the features of its nodes.

A node is a cover (``visual``) or the words shown (``words``). Nothing is learnt for a user or a node by its id: nodes
have features, and a user is what propagation makes of them (:mod:`generation.personalization.dppmg.propagate`), so
that one who was never seen before needs no training.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from conf.errors import UsageError
from jobs.lake.arrays import Flags, Floats, Floats32, Ints, matrix
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import EMBED_DIM
from reward_model.network.features import title_shape

VISUAL, WORDS = "visual", "words"
MODALITIES = (VISUAL, WORDS)
MOST_EDGES = 2000
"""Edges of a user, the newest: beyond them somebody is a program, or needs no more."""
CONTENT_WEIGHT = 0.25
"""Of what a cover shows beside how it is drawn, as in the generator's own conditioning."""
BUCKETS = 256
"""Of hashed character n-grams."""
GRAMS = (2, 3, 4)
"""Lengths of the n-grams."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A bipartite graph of ``U`` users and ``N`` nodes with ``E`` edges."""

    users: tuple[str, ...]
    nodes: tuple[str, ...]
    user: Ints
    """(E,) places in ``users``."""
    node: Ints
    """(E,) places in ``nodes``."""
    clicks: Floats
    """(E,)"""
    expected: Floats
    """(E,) clicks that position and item explain."""

    @classmethod
    def of(cls, edges: pl.DataFrame, *, most: int = MOST_EDGES) -> "Graph":
        """Of rows with user_id, node, clicks, expected_clicks and last_ts; the newest ``most`` of each user."""
        newest = edges.sort(["user_id", "last_ts", "node"], descending=[False, True, False])
        kept = newest.group_by("user_id", maintain_order=True).head(most).sort("user_id", "node")
        users, user = np.unique(kept["user_id"].to_numpy().astype(str), return_inverse=True)
        nodes, node = np.unique(kept["node"].to_numpy().astype(str), return_inverse=True)
        return cls(
            users=tuple(users.tolist()),
            nodes=tuple(nodes.tolist()),
            user=user.astype(np.int64),
            node=node.astype(np.int64),
            clicks=kept["clicks"].to_numpy().astype(np.float64),
            expected=kept["expected_clicks"].to_numpy().astype(np.float64),
        )

    @property
    def clicked(self) -> Floats:
        """(U,) clicks of each user."""
        return np.asarray(np.bincount(self.user, self.clicks, len(self.users)), np.float64)

    def take(self, edges: Flags) -> "Graph":
        """Some of the edges; users and nodes stay."""
        return replace(
            self,
            user=self.user[edges],
            node=self.node[edges],
            clicks=self.clicks[edges],
            expected=self.expected[edges],
        )


def read_edges(lake: Lake, day: date, modality: str) -> pl.DataFrame:
    """Rows of ``interaction_edges`` of a day and a modality.

    Raises
    ------
    UsageError
        They were not built for that day.
    """
    if day.isoformat() not in lake.partitions("interaction_edges"):
        raise UsageError(
            f"interaction_edges has no rows for {day}, and tokens come from them: build them with "
            f"`coverlift features --ds {day} -o features.interaction_edges=true`"
        )
    columns = ["user_id", "node", "clicks", "expected_clicks", "last_ts"]
    return pl.DataFrame(lake.read("interaction_edges", ds=day, columns=columns, filters=[("modality", "=", modality)]))


def visual_features(embeddings: Floats32, styles: Floats32) -> Floats32:
    """(N, 160) of covers: what they show at ``CONTENT_WEIGHT``, then how they are drawn.

    Examples
    --------
    >>> visual_features(np.ones((1, 2), np.float32), np.ones((1, 1), np.float32)).tolist()
    [[0.25, 0.25, 1.0]]
    """
    return np.asarray(np.concatenate([CONTENT_WEIGHT * embeddings, styles], axis=1), np.float32)


def read_visual(lake: Lake, encoder_id: str | None, nodes: Sequence[str]) -> Floats32:
    """(N, 160) features of covers by id; zeros of one that has none, so that it says nothing."""
    filters = None if encoder_id is None else [("encoder_id", "=", encoder_id)]
    table = lake.read("cover_features", columns=["cover_id", "embedding", "style"], filters=filters)
    known = {cover: row for row, cover in enumerate(table["cover_id"].to_pylist())}
    rows = np.array([known.get(node, -1) for node in nodes], np.int64)
    vectors = visual_features(
        matrix(table["embedding"], name="cover_features.embedding"), matrix(table["style"], name="cover_features.style")
    )
    assert vectors.shape[1] >= EMBED_DIM
    return np.where((rows >= 0)[:, None], vectors[rows], np.float32(0))


def grams(text: str) -> Floats32:
    """(256,) hashed counts of the text's character n-grams, of unit length; its ends are marked.

    Examples
    --------
    >>> int((grams("ab") > 0).sum())  # ^a ab b$, ^ab ab$, ^ab$
    6
    """
    marked = f"\x02{text.lower()}\x03"
    found = np.zeros(BUCKETS, np.float32)
    for length in GRAMS:
        for start in range(len(marked) - length + 1):
            found[zlib.crc32(marked[start : start + length].encode()) % BUCKETS] += 1
    return found / max(float(np.linalg.norm(found)), 1e-12)


def words_features(texts: Sequence[str]) -> Floats32:
    """(N, 266) of texts: hashed n-grams, then their shape without meaning (length, marks, script)."""
    rows = np.stack([grams(text) for text in texts]) if texts else np.zeros((0, BUCKETS), np.float32)
    return np.asarray(np.concatenate([rows, title_shape(texts)], axis=1), np.float32)
