"""Made-up users with a known taste and false clicks: a prior about noise, no click of the log, no judge.

Somebody is shown drawings of training subjects and clicks by a taste for families that is drawn at random; a share of
the clicks, uniform between 0 and 0.6, is then replaced by clicks of another taste (a household) or by drawings that
anybody was shown. What they like is known, so is which clicks are false: this is what teaches the mask. It is left out
with ``--simulated 0``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.diffusion.training.data import Drawings
from generation.history import CLICKED, WEIGHT
from generation.personalization.pigeon.training.logged import preference_of
from generation.types import PREFERENCE_DIM
from generation.user_history import CLICKED_ROWS, user_history
from jobs.lake.schema.columns import EMBED_DIM

MOST_FALSE = 0.6
"""Share of false clicks, at most."""
SPREAD = (0.2, 0.9)
"""Standard deviation of a taste, logits, drawn uniformly."""
ADORED = (0.5, 2.5)
"""What half of the users add to one family."""
BASE, SUBJECT_SPREAD = -3.1, 1.0
"""Log odds of a click at the first position, and their spread over subjects."""
SHOWN = (20, 600)
"""Events of a user, log-uniform."""
SEGMENTS, MEMBERS = 0.1, 1500
"""Share of histories that are told as a segment's, and the events behind one."""
PAGE, EXAMINATION_POWER = 10, 0.6


@dataclass(frozen=True, kw_only=True)
class MadeUp:
    """``B`` made-up users."""

    history: NDArray[np.float32]
    """(B, 48, 165)."""
    taste: NDArray[np.float32]
    """(B, F) logits of the families, centred."""
    preference: NDArray[np.float32]
    """(B, 160) as the night would have it."""
    false: NDArray[np.float32]
    """(B, 48) share of a row's clicks that are false; NaN where it is not a click."""


@dataclass(frozen=True, kw_only=True)
class _Shown:
    row: NDArray[np.int64]
    age: NDArray[np.float64]
    examination: NDArray[np.float64]

    def take(self, places: NDArray[np.int64]) -> "_Shown":
        return _Shown(row=self.row[places], age=self.age[places], examination=self.examination[places])


def _many(history: NDArray[np.float32]) -> bool:
    return bool(history[:, WEIGHT].sum() > MEMBERS - 1)


def as_segment(history: NDArray[np.float32]) -> NDArray[np.float32]:
    """A history told as a segment's: weights are shares of a kind, and vectors of unit length in both parts."""
    told = history.copy()
    for sign in (1, -1):
        rows = told[:, CLICKED] == sign
        told[rows, WEIGHT] /= max(float(told[rows, WEIGHT].sum()), 1e-6)
    for part in (slice(0, EMBED_DIM), slice(EMBED_DIM, PREFERENCE_DIM)):
        told[:, part] /= np.maximum(np.linalg.norm(told[:, part], axis=1, keepdims=True), 1e-12)
    return told


class Crowd:
    """Draws made-up users from the drawings of a split.

    Parameters
    ----------
    drawings
        Of the split.
    seed
        With the key it decides a user.
    """

    def __init__(self, drawings: Drawings, seed: int) -> None:
        self.drawings, self.seed = drawings, seed
        self.families = len(drawings.families)

    def draw(self, key: int, users: int) -> MadeUp:
        """Users of a key; all of them have a click."""
        found = [self._user(np.random.default_rng((self.seed, key, place))) for place in range(users)]
        history, taste, false = (np.stack(each) for each in zip(*found, strict=True))
        preference = np.stack([preference_of(each) for each in history])
        for row, each in enumerate(history):
            history[row] = each if len(each) and not _many(each) else as_segment(each)
        return MadeUp(history=history, taste=taste, preference=preference, false=false)

    def taste(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """(F,) a taste, centred."""
        taste = rng.normal(0, rng.uniform(*SPREAD), self.families)
        if rng.random() < 0.5:
            taste[rng.integers(self.families)] += rng.uniform(*ADORED)
        centred: NDArray[np.float64] = taste - taste.mean()
        return centred

    def _user(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        while True:
            taste = self.taste(rng)
            many = rng.random() < SEGMENTS
            count = MEMBERS if many else int(np.exp(rng.uniform(*np.log(SHOWN))))
            taste = taste * (0.5 if many else 1.0)
            shown = self._shown(count, rng)
            clicked = self._clicks(shown, taste, rng)
            if clicked.any():
                return self._with_false(shown, clicked, taste, rng)

    def _shown(self, count: int, rng: np.random.Generator) -> _Shown:
        position = rng.integers(1, PAGE + 1, count)
        return _Shown(
            row=rng.integers(len(self.drawings.family), size=count),
            age=np.sort(rng.uniform(0, 28 * 24, count)),
            examination=position.astype(np.float64) ** -EXAMINATION_POWER,
        )

    def _clicks(self, shown: _Shown, taste: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
        likes = BASE + rng.normal(0, SUBJECT_SPREAD, len(shown.row)) + taste[self.drawings.family[shown.row]]
        clicked: NDArray[np.bool_] = rng.random(len(likes)) < shown.examination / (1 + np.exp(-likes))
        return clicked

    def _with_false(
        self, shown: _Shown, clicked: NDArray[np.bool_], taste: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        true = np.flatnonzero(clicked)
        replaced = rng.permutation(true)[: int(rng.uniform(0, MOST_FALSE) * len(true) + rng.random())]
        row, false = shown.row.copy(), np.zeros(len(shown.row), bool)
        if len(replaced) and rng.random() < 0.5:
            other = self._shown(len(replaced) * 60, rng)
            theirs = np.flatnonzero(self._clicks(other, self.taste(rng), rng))
            replaced = replaced[: len(theirs)]
            row[replaced] = other.row[theirs[: len(replaced)]]
        elif len(replaced):
            row[replaced] = rng.integers(len(self.drawings.family), size=len(replaced))
        false[replaced] = True
        vectors = self.drawings.look[row].astype(np.float64)
        told = user_history(vectors=vectors, clicked=clicked, age_hours=shown.age, examination=shown.examination)
        assert told is not None
        flags = np.full(len(told), np.nan, np.float32)
        if len(true) <= CLICKED_ROWS:
            flags[: len(true)] = false[true]
        return told, taste.astype(np.float32), flags
