"""Whom tables of codes are trained for: segments, first codes, and single users by all their codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from generation.catalogue import segment_profiles
from generation.personalization.dppmg.graph import VISUAL, Graph, read_edges
from generation.personalization.dppmg.pictures.inject import Holding, prefix_means
from generation.personalization.dppmg.preferences import features_of, read_preferences
from generation.personalization.dppmg.tokens import LEAST_CLICKS, coded_segments
from generation.personalization.training.reader_reward import FAINTEST, Tastes
from generation.personalization.training.world import Audience
from generation.preference_tokens import NONE
from generation.rewards.personal import PairProbability
from jobs.lake.arrays import Floats32, Ints, matrix
from jobs.lake.context import Context
from jobs.lake.splits import split_of

HEAVY_CLICKS, HEAVY_USERS = 10, 200
"""Clicks of training users who are painted for by all their codes, and how many of them."""
TASTED_USERS = 24
"""Training users whose mean taste a first code has."""
SEGMENT_WEIGHT = 50.0
"""Rows of a user that a segment counts as, where the tables start."""
CODE = "code:"
"""Names the holders of a first code among segments and users."""


@dataclass(frozen=True, kw_only=True)
class Holders:
    """Who holds which codes, for training."""

    segments: dict[str, Ints]
    """(levels,) codes of each with a taste."""
    users: tuple[str, ...]
    """``N`` training users with clicks enough."""
    codes: Ints
    """(N, levels)"""
    preferences: Floats32
    """(N, 160) of these users, as the night knows them."""
    clicks: Ints
    profiles: dict[str, Floats32]
    """(160,) of each segment."""

    @classmethod
    def read(cls, ctx: Context, folder: Path) -> "Holders":
        """Of the night of ds, by the quantiser of a folder."""
        lake, preferences = ctx.lake, read_preferences(folder, VISUAL)
        graph = Graph.of(read_edges(lake, ctx.ds, VISUAL))
        features = features_of(lake, ctx.settings.features.encoder_id, VISUAL, graph, {})
        looks = preferences.of(graph, features)
        members = lake.read("user_segments", ds=ctx.ds, columns=["user_id", "segment_id"]).to_pylist()
        segments = coded_segments(preferences, graph, looks, {row["user_id"]: row["segment_id"] for row in members})
        columns = ["user_id", "pref_embedding", "pref_style"]
        table = lake.read("user_features", ds=ctx.ds, columns=columns)
        rows = {user: row for row, user in enumerate(table["user_id"].to_pylist())}
        vectors = np.concatenate([matrix(table["pref_embedding"]), matrix(table["pref_style"])], axis=1)
        train = np.array([split_of(user) == "train" and user in rows for user in graph.users])
        chosen = np.flatnonzero(train & (graph.clicked >= LEAST_CLICKS))
        profiles = {each.segment_id: each for each, _ in segment_profiles(lake, ctx.ds) if each.known}
        return cls(
            segments={
                name: codes
                for name, codes in zip(segments.audience, segments.codes, strict=True)
                if codes[0] >= 0 and name in profiles
            },
            users=tuple(graph.users[row] for row in chosen),
            codes=preferences.quantiser.codes(looks[torch.from_numpy(chosen)]),
            preferences=vectors[[rows[graph.users[row]] for row in chosen]],
            clicks=graph.clicked[chosen].round().astype(np.int64),
            profiles={
                name: np.concatenate([each.pref_embedding, each.pref_style]).astype(np.float32)
                for name, each in profiles.items()
            },
        )

    def holdings(self) -> list[Holding]:
        """Whose mean preference the codes stand for."""
        names = list(self.segments)
        own: list[Holding] = [prefix_means(self.codes, self.preferences)]
        if names:
            codes = np.stack([self.segments[name] for name in names])
            profiles = np.stack([self.profiles[name] for name in names])
            own.append((codes, profiles, np.full(len(names), SEGMENT_WEIGHT)))
        return own

    def first_codes(self) -> dict[str, tuple[str, ...]]:
        """Training users with most clicks of each first code, by its name."""
        order = np.argsort(-self.clicks, kind="stable")
        found = {}
        for code in np.unique(self.codes[:, 0]):
            mine = [row for row in order if self.codes[row, 0] == code][:TASTED_USERS]
            found[f"{CODE}{code}"] = tuple(self.users[row] for row in mine)
        return found

    def heavy(self) -> list[int]:
        """Places of the training users who are painted for by all their codes: of equal codes the one who clicked most.

        An item painted twice for the same codes would have no diversity, and its distance no gradient.
        """
        order = [row for row in np.argsort(-self.clicks, kind="stable") if self.clicks[row] >= HEAVY_CLICKS]
        first: dict[tuple[int, ...], int] = {}
        for row in order:
            first.setdefault(tuple(self.codes[row].tolist()), int(row))
        return list(first.values())[:HEAVY_USERS]

    def told(self) -> dict[str, Tensor]:
        """(levels,) codes by name of everybody who is painted for."""
        levels = self.codes.shape[1]
        found = {name: torch.from_numpy(codes) for name, codes in self.segments.items()}
        for name in self.first_codes():
            found[name] = torch.tensor([int(name.removeprefix(CODE)), *[NONE] * (levels - 1)])
        return found | {self.users[row]: torch.from_numpy(self.codes[row]) for row in self.heavy()}

    def audience(self) -> Audience:
        """Segments and first codes, and single users."""
        codes, users = list(self.first_codes()), [self.users[row] for row in self.heavy()]
        nobody = np.zeros(self.preferences.shape[1], np.float32)
        return Audience(
            segments=(*self.segments, *codes),
            users=tuple(users),
            preference=dict.fromkeys((*self.segments, *codes, *users), nobody),
        )


class CodeTastes(Tastes):
    """Tastes of segments and users as they are; of a first code, the mean of its training users'."""

    def __init__(self, tastes: Tastes, holders: Mapping[str, Sequence[str]]) -> None:
        super().__init__(tastes.clicks, tastes.styles, tastes.item_ids, tastes.embeddings)
        self.holders = holders

    def _of(self, name: str) -> Tensor:
        if name not in self.holders:
            return super()._of(name)
        mean = self(self.holders[name]).double().mean(0)
        return ((mean - mean.mean()) / mean.std(correction=0).clamp_min(FAINTEST)).float()


class HolderClicks:
    """Click probabilities of segments and users as they are; of a first code, the mean of its training users'.

    Parameters
    ----------
    clicks
        Knows all of these users.
    holders
        Users by the name of a first code.
    """

    def __init__(self, clicks: PairProbability, holders: Mapping[str, Sequence[str]]) -> None:
        self.clicks, self.holders = clicks, holders

    def __call__(self, whom: Sequence[str], item_ids: Sequence[str], vectors: Tensor) -> Tensor:
        """(N,) probabilities, differentiable in the (N, 160) cover vectors."""
        users = [self.holders.get(name, (name,)) for name in whom]
        row = np.repeat(np.arange(len(users)), [len(each) for each in users])
        at = torch.from_numpy(row).to(vectors.device)
        each = self.clicks([user for several in users for user in several], [item_ids[n] for n in row], vectors[at])
        return each.new_zeros(len(users)).index_add(0, at, each) / torch.bincount(at, minlength=len(users))
