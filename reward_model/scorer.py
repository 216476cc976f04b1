"""Click probabilities of covers for users and for segments, fast, as of one ds.

Runs wherever candidates are scored: inside Spark's Python workers, in evaluation, without a
JVM. A segment is scored by a fixed sample of its users, whose states are computed once.
"""

import zlib
from collections.abc import Sequence
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch

from conf.errors import MissingTable
from jobs.lake.arrays import Floats, Floats32, Ints
from jobs.lake.audiences import audience_user
from jobs.lake.context import Context
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import EMBED_DIM, STYLE_DIM, UNPERSONALISED, WITHOUT_PROFILE
from reward_model.dataset import load_item_features
from reward_model.network.ensemble_member import RowTensors, StateTensors, UserSide
from reward_model.network.features import ITEM_COLUMNS, numbers, title_shape, unseen_items
from reward_model.network.user_state import CoverTable, ItemTable, States, load_states, rows_of
from reward_model.predictor import Predictor
from reward_model.registry import champion_dir, load_predictor

PAIRS_AT_ONCE = 4096
"""(user, cover) pairs scored together: their history keys fill about 50 MB."""
SAMPLE_SIZE = 32
"""Users that stand for a segment, at most."""
WHOLE_POPULATION = (UNPERSONALISED, WITHOUT_PROFILE)
"""Segments that are sampled from all users: who will meet their covers is not known yet."""


class PreparedUsers(NamedTuple):
    """States of some users, with what the network computes once for them."""

    states: States
    tensors: StateTensors
    sides: list[UserSide]


class ItemRows(NamedTuple):
    """Rows of some items in the item table and in the item features; 0 is an unknown item."""

    item: npt.NDArray[Any]
    known: npt.NDArray[Any]


class SegmentSamples(NamedTuple):
    """The users that stand for segments, and the rows of each segment's sample in them."""

    users: PreparedUsers
    members: dict[str, Ints]


class PersonalScorer:
    """The champion's click probabilities with the features of one ds; position switched off.

    Parameters
    ----------
    lake
        Tables to read users' states from.
    predictor
        The model.
    as_of
        Partition of user_features, user_history, item_features and user_segments.
    """

    def __init__(self, lake: Lake, predictor: Predictor, as_of: date) -> None:
        self.lake, self.predictor, self.as_of = lake, predictor, as_of
        self.items = ItemTable.load(lake, predictor.encoder_id)
        self.covers = CoverTable.load(lake, predictor.encoder_id)
        self._table_CE = torch.from_numpy(self.covers.vectors)
        features, _ = load_item_features(lake, as_of)
        self._known = pa.array(features["item_id"].tolist()[:-1], pa.string())
        # Row 0 is the unseen item, which load_item_features puts last.
        values = np.roll(numbers(features, ITEM_COLUMNS), 1, axis=0)
        self._numeric, self._unseen = predictor.scales.item.apply(values), unseen_items(values)
        self._shapes = title_shape(self.items.titles)
        self._category = predictor.category_numbers(self.items)
        self._factors = predictor.item_factors(self.items)

    @classmethod
    def load(cls, lake: Lake, model_dir: Path, as_of: date) -> "PersonalScorer":
        """From a version's folder, whose hashes are checked.

        Raises
        ------
        MissingTable
            When the features stage has not written ``as_of``.
        """
        return cls(lake, load_predictor(model_dir), as_of)

    @classmethod
    def of_champion(cls, ctx: Context, as_of: date) -> "PersonalScorer":
        """The champion of the night, for what is known at the end of ``as_of``; raises as :meth:`load`.

        Raises
        ------
        UsageError
            When the night has no champion.
        """
        return cls.load(ctx.lake, champion_dir(ctx.home, ctx.ds), as_of)

    def click_probability(
        self, user_ids: Sequence[str], item_ids: Sequence[str], embeddings: Floats32, styles: Floats32
    ) -> Floats:
        """P(click) of row i's user on row i's item under row i's cover, at position 1.

        Parameters
        ----------
        user_ids, item_ids
            ``(n_rows,)``; an unknown user has no history, an unknown item no statistics.
        embeddings, styles
            ``(n_rows, 128)`` and ``(n_rows, 32)`` float32, L2-normalised, from the model's encoder.

        Returns
        -------
        ndarray
            ``(n_rows,)`` float64.
        """
        users, state = np.unique(np.asarray(list(user_ids), object), return_inverse=True)
        return self.state_click_probability(self.states_of(users.tolist()), state, item_ids, embeddings, styles)

    def states_of(self, user_ids: Sequence[str]) -> States:
        """What is known of users as of this ds, in their order."""
        length = self.predictor.history_length
        return load_states(self.lake, self.as_of, user_ids, covers=self.covers, items=self.items, length=length)

    def state_click_probability(
        self, states: States, state: npt.NDArray[Any], item_ids: Sequence[str], embeddings: Floats32, styles: Floats32
    ) -> Floats:
        """P(click) of a user in state ``state[i]`` on row i's item under row i's cover, at position 1.

        Parameters
        ----------
        states
            As :meth:`states_of` reads them, or changed: what if somebody had clicked something else?
        state
            ``(n_rows,)`` rows of ``states``.
        item_ids, embeddings, styles
            As in :meth:`click_probability`.
        """
        vectors = _vectors(embeddings, styles, len(item_ids))
        rows = np.arange(len(item_ids))
        return self._score(self._prepared(states), state, rows, self.item_rows(item_ids), vectors)

    def segment_click_probability(
        self,
        segment_ids: Sequence[str],
        item_ids: Sequence[str],
        embeddings: Floats32,
        styles: Floats32,
        max_users: int = SAMPLE_SIZE,
    ) -> Floats:
        """Mean P(click) over a fixed sample of row i's segment, at position 1.

        Parameters
        ----------
        segment_ids
            ``(n_rows,)`` segments of ``as_of``, ``all`` or ``new`` for a sample of all users, or ``user:`` and an id
            for a single user.
        max_users
            Users a segment, at most 32.

        Returns
        -------
        ndarray
            ``(n_rows,)`` float64.

        Raises
        ------
        ValueError
            When a segment has no users as of this ds, or ``max_users`` is not in 1 to 32.
        """
        if not 1 <= max_users <= SAMPLE_SIZE:
            raise ValueError(f"max_users={max_users} must lie in 1 to {SAMPLE_SIZE}")
        single = np.array([audience_user(segment) is not None for segment in segment_ids], bool)
        if single.any():
            return self._mixed(single, segment_ids, item_ids, embeddings, styles, max_users)
        vectors = _vectors(embeddings, styles, len(item_ids))
        members = [self._members(segment)[:max_users] for segment in segment_ids]
        row = np.repeat(np.arange(len(members)), [len(users) for users in members])
        state = np.concatenate([np.zeros(0, np.int64), *members])
        scored = self._score(self.samples.users, state, row, self.item_rows(item_ids), vectors)
        return np.bincount(row, weights=scored, minlength=len(members)) / np.bincount(row, minlength=len(members))

    def _mixed(
        self,
        single: npt.NDArray[np.bool_],
        segment_ids: Sequence[str],
        item_ids: Sequence[str],
        embeddings: Floats32,
        styles: Floats32,
        max_users: int,
    ) -> Floats:
        """Rows of single users, ``single``, apart from those of segments."""
        result = np.zeros(len(item_ids))
        for rows, ask in (
            (np.flatnonzero(single), self.click_probability),
            (np.flatnonzero(~single), partial(self.segment_click_probability, max_users=max_users)),
        ):
            if rows.size:
                whom = [audience_user(segment_ids[row]) or segment_ids[row] for row in rows]
                result[rows] = ask(whom, [item_ids[row] for row in rows], embeddings[rows], styles[rows])
        return result

    def segment_users(self, segment_id: str) -> list[str]:
        """The users that stand for a segment.

        Raises
        ------
        ValueError
            When the segment has no users as of this ds.
        """
        return [str(user) for user in self.samples.users.states.user[self._members(segment_id)]]

    def _members(self, segment: str) -> Ints:
        members = self.samples.members
        if segment not in members:
            raise ValueError(f"segment {segment!r} has no users as of {self.as_of}: known are {sorted(members)}")
        return members[segment]

    @cached_property
    def samples(self) -> SegmentSamples:
        """A fixed sample of the users of every segment of ``as_of``, and of all users for those without one.

        Raises
        ------
        MissingTable
            When the features stage has not written ``as_of``.
        """
        table = self.lake.read("user_segments", ds=self.as_of, columns=["user_id", "segment_id"]).sort_by("user_id")
        if not len(table):
            raise MissingTable(f"user_segments has no rows for ds={self.as_of}: run `coverlift features` for it")
        chosen = {name: _sample(table["user_id"].to_pylist(), name, self.as_of) for name in WHOLE_POPULATION}
        for name in set(pc.unique(table["segment_id"]).to_pylist()) - set(WHOLE_POPULATION):
            own = table.filter(pc.equal(table["segment_id"], name))["user_id"].to_pylist()
            chosen[name] = _sample(own, name, self.as_of)
        users = sorted({user for sample in chosen.values() for user in sample})
        place = {user: number for number, user in enumerate(users)}
        members = {name: np.asarray([place[user] for user in sample], np.int64) for name, sample in chosen.items()}
        return SegmentSamples(self.prepare(users), members)

    def prepare(self, users: Sequence[str]) -> PreparedUsers:
        """States of users as of ``as_of``, in the order given; an unknown user has no history."""
        return self._prepared(self.states_of(users))

    def _prepared(self, states: States) -> PreparedUsers:
        tensors = self.predictor.state_tensors(states, self.items, self.covers.vectors)
        with torch.no_grad():  # not inference mode: reward_model.gradient differentiates through what uses these
            sides = self.predictor.model.encode_users(self._table_CE, tensors)
        return PreparedUsers(states, tensors, sides)

    def item_rows(self, item_ids: Sequence[str]) -> ItemRows:
        """Where items stand in the tables of the scorer."""
        wanted = pa.array(list(item_ids), pa.string())
        return ItemRows(rows_of(wanted, self.items.ids), rows_of(wanted, self._known))

    def logits(
        self,
        prepared: PreparedUsers,
        state: npt.NDArray[Any],
        row: npt.NDArray[Any],
        items: ItemRows,
        vectors: torch.Tensor,
    ) -> torch.Tensor:
        """Uncalibrated logits of pairs of a user and a candidate, at position 1, differentiable in the vectors.

        Parameters
        ----------
        prepared
            The users.
        state, row
            (n_pairs,): pair p is user ``state[p]`` of ``prepared`` under candidate ``row[p]``.
        items
            :meth:`item_rows` of the candidates.
        vectors
            (n_candidates, 160) float32: aligned and style embedding of each candidate.

        Returns
        -------
        Tensor
            (n_pairs,) float32, the mean over the ensemble.
        """
        pairs = self._row_tensors(prepared.states, state, row, items, vectors)
        return self.predictor.model.score(prepared.sides, prepared.tensors, pairs, with_position=False).mean(dim=0)

    def _score(
        self,
        prepared: PreparedUsers,
        state: npt.NDArray[Any],
        row: npt.NDArray[Any],
        items: ItemRows,
        vectors: Floats32,
    ) -> Floats:
        """Probability of pair p: state ``state[p]`` with candidate ``row[p]``."""
        parts, candidates = [np.zeros(0)], torch.from_numpy(vectors)
        with torch.inference_mode():
            for begin in range(0, len(state), PAIRS_AT_ONCE):
                chosen = slice(begin, begin + PAIRS_AT_ONCE)
                parts.append(self.logits(prepared, state[chosen], row[chosen], items, candidates).double().numpy())
        return self.predictor.calibration.apply(np.concatenate(parts))

    def _row_tensors(
        self,
        states: States,
        state: npt.NDArray[Any],
        row: npt.NDArray[Any],
        items: ItemRows,
        vectors: torch.Tensor,
    ) -> RowTensors:
        item, known = items.item[row], items.known[row]
        return RowTensors(
            state_B=torch.from_numpy(state.astype(np.int64)),
            vector_BE=vectors[torch.from_numpy(row)],
            numeric_BN=torch.from_numpy(self._numeric[known]),
            unseen_B=torch.from_numpy(self._unseen[known]),
            title_BT=torch.from_numpy(self._shapes[item]),
            words_BW=torch.from_numpy(self.items.words[item]),
            item_B=torch.from_numpy(item),
            category_B=torch.from_numpy(self._category[item]),
            affinity_B=self.predictor.affinity(states.affinity(state, self.items.category[item])),
            place_B=torch.ones(len(row), dtype=torch.int64),
            factors_BK=self._factors[torch.from_numpy(item)],
        )


def _sample(users: Sequence[str], segment: str, as_of: date) -> list[str]:
    """At most 32 users, the same whenever segment, ds and users are."""
    generator = np.random.default_rng(zlib.crc32(f"{segment}@{as_of}".encode()))
    return [users[place] for place in generator.permutation(len(users))[:SAMPLE_SIZE]]


def _vectors(embeddings: Floats32, styles: Floats32, rows: int) -> Floats32:
    """Both parts side by side, checked.

    Raises
    ------
    ValueError
        When the shapes do not fit.
    """
    if np.shape(embeddings) != (rows, EMBED_DIM) or np.shape(styles) != (rows, STYLE_DIM):
        raise ValueError(
            f"embeddings {np.shape(embeddings)} and styles {np.shape(styles)} must be ({rows}, {EMBED_DIM}) "
            f"and ({rows}, {STYLE_DIM}): one row per item"
        )
    return np.concatenate([np.asarray(embeddings, np.float32), np.asarray(styles, np.float32)], axis=1)
