"""Clicks that say nothing of a user's taste, put into their history before anything is derived from it.

A share *n* of noise among c true clicks is m = round(n / (1 - n) c) false ones, so that they are the share *n* of all
clicks afterwards. Two kinds:

- ``random``: covers that anybody was shown on the days on which the user clicked;
- ``household``: clicks of one other user, whose true favourite family differs: somebody else at the same screen.

Injection is deterministic: a user, a kind, a share and a seed decide it. The rows are flagged; no method sees the flag.
"""

import zlib
from collections.abc import Mapping
from typing import Literal

import numpy as np
import polars as pl

from recsys_eval.people.events import Events

Kind = Literal["random", "household"]
KINDS: tuple[Kind, ...] = ("random", "household")


def false_clicks(share: float, clicks: int) -> int:
    """How many false clicks make a share of all: m = round(n / (1 - n) c).

    Raises
    ------
    ValueError
        The share is not in [0, 1).

    Examples
    --------
    >>> [false_clicks(share, 6) for share in (0.0, 0.2, 0.4, 0.6)]
    [0, 2, 4, 9]
    """
    if not 0 <= share < 1:
        raise ValueError(f"a share of noise is at least 0 and below 1, not {share}: what is left are the true clicks")
    return round(share / (1 - share) * clicks)


class Injector:
    """Puts noise into events.

    Parameters
    ----------
    events
        Everybody's.
    favourite
        Every user's true favourite family, by id; only users in it lend clicks to ``household`` noise.
    seed
        Of the draws.
    """

    def __init__(self, events: Events, favourite: Mapping[str, int], seed: int) -> None:
        self.events, self.favourite, self.seed = events, favourite, seed
        dated = events.frame.with_columns(day=pl.col("ts").dt.date())
        self._shown = dated.partition_by("day", as_dict=True, maintain_order=True)
        clicked = events.frame.filter(pl.col("clicked"))
        self._clicked = clicked.partition_by("user_id", as_dict=True, maintain_order=True)
        self._lenders = sorted(str(user) for (user,) in self._clicked if str(user) in favourite)

    def __call__(self, user: str, kind: Kind, share: float) -> pl.DataFrame:
        """A user's rows with the false clicks among them, oldest first."""
        own = self.events.of(user)
        count = false_clicks(share, int(own["clicked"].sum()))
        if not count:
            return own
        rng = np.random.default_rng([self.seed, zlib.crc32(f"{user}/{kind}".encode())])
        drawn = self._shown_to_anybody(own, count, rng) if kind == "random" else self._of_another(user, count, rng)
        false = drawn.with_columns(user_id=pl.lit(user), clicked=pl.lit(True), injected=pl.lit(True))
        return pl.concat([own, false.select(own.columns)]).sort("ts", "injected", maintain_order=True)

    def into(self, users: list[str], kind: Kind, share: float) -> Events:
        """The same of several users."""
        return Events(frame=pl.concat([self(user, kind, share) for user in users]))

    def _shown_to_anybody(self, own: pl.DataFrame, count: int, rng: np.random.Generator) -> pl.DataFrame:
        days = own.filter(pl.col("clicked"))["ts"].dt.date().to_list()
        parts = []
        for place in rng.integers(len(days), size=count).tolist():
            shown = self._shown[(days[place],)]
            parts.append(shown[int(rng.integers(len(shown)))])
        return pl.concat(parts)

    def _of_another(self, user: str, count: int, rng: np.random.Generator) -> pl.DataFrame:
        mine = self.favourite[user]
        others = [name for name in self._lenders if self.favourite[name] != mine]
        lent = self._clicked[(others[int(rng.integers(len(others)))],)]
        places = rng.choice(len(lent), count, replace=len(lent) < count)
        drawn: pl.DataFrame = lent[places.tolist()]
        return drawn
