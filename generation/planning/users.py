"""Covers for single users, where the plan finds them worth while (``generation.level: user``; off by default).

Asked about are the users with most impressions, of those with ``generation.user_min_clicks`` clicks or more in 28 days,
``generation.user_count`` of them. A unit of their own is worth what the click model expects of it over what they would
be shown else: their segment's painted cover where that is planned, the original where not. The best
``generation.user_units`` with at least ``generation.user_min_gain`` relative gain are planned. Privacy: a cover of
one's own is painted from nobody else's events, and says something about its user to whoever sees both
(docs/methods.md).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from conf.settings import GenerationSettings
from generation.planning.gain import reached_styles
from generation.preference_tokens import painter_tokens, read_codes
from generation.rewards.personal import SegmentScorer
from generation.types import SegmentProfile
from generation.user_history import read_user_histories
from jobs.lake.arrays import matrix
from jobs.lake.audiences import user_audience
from jobs.lake.lake import Lake
from reward_model.encoders.model import ENCODER_ID


@dataclass(frozen=True, kw_only=True)
class HeavyUsers:
    """Users whom covers may be painted for, those with most impressions first. ``U`` users."""

    profiles: tuple[SegmentProfile, ...]
    """(U,) each an audience of one."""
    segment: tuple[str, ...]
    """(U,) the segment of each."""
    share: NDArray[np.float64]
    """(U,) of all impressions."""

    @classmethod
    def read(
        cls, lake: Lake, as_of: date, settings: GenerationSettings, *, needs: Collection[str] = ()
    ) -> "HeavyUsers":
        """As the end of a day knows them; with tokens, and history or what follows from it, where methods need them."""
        columns = ["user_id", "impressions_28d", "clicks_28d", "pref_embedding", "pref_style"]
        table = lake.read("user_features", ds=as_of, columns=columns)
        frame = table.select(columns[:3]).to_pandas()
        frame["row"] = np.arange(len(frame))
        total = max(int(frame["impressions_28d"].sum()), 1)
        members = lake.read("user_segments", ds=as_of, columns=["user_id", "segment_id"]).to_pandas()
        heavy = frame[frame["clicks_28d"] >= settings.user_min_clicks].merge(members, on="user_id")
        heavy = heavy.sort_values(["impressions_28d", "user_id"], ascending=[False, True]).head(settings.user_count)
        embedding, style = matrix(table["pref_embedding"]), matrix(table["pref_style"])
        chosen = heavy["user_id"].tolist()
        told = read_user_histories(lake, as_of, chosen, ENCODER_ID) if {"history", "pictures"} & {*needs} else {}
        codes = read_codes(lake, as_of) if "tokens" in needs else {}
        return cls(
            profiles=tuple(
                SegmentProfile(
                    segment_id=user_audience(row.user_id),
                    pref_embedding=embedding[row.row],
                    pref_style=style[row.row],
                    history=told.get(row.user_id),
                    tokens=painter_tokens(codes.get(user_audience(row.user_id), ())),
                )
                for row in heavy.itertuples()
            ),
            segment=tuple(heavy["segment_id"]),
            share=(heavy["impressions_28d"] / total).to_numpy(np.float64),
        )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Items that single users are asked about. ``I`` items."""

    items: pd.DataFrame
    """(I,) item_id and traffic, and whatever else a plan's row takes."""
    embeddings: NDArray[np.float32]
    """(I, 128) of the default covers."""
    styles: NDArray[np.float32]
    """(I, 32)"""
    real: NDArray[np.float32]
    """(N, 32) styles of the real covers that exist."""


def user_pairs(
    heavy: HeavyUsers,
    asked: Asked,
    segments: dict[str, SegmentProfile],
    planned: pd.DataFrame,
    scorer: SegmentScorer,
    settings: GenerationSettings,
) -> pd.DataFrame:
    """Items x users worth a cover of their own, with ``expected_gain`` in clicks a day, the best first.

    Parameters
    ----------
    heavy, asked
        Users and items.
    segments
        Profiles of the segments that have one.
    planned
        item_id and segment_id of the units planned for segments.
    scorer
        The click model; it is asked about users as audiences.
    settings
        Cap and threshold.

    Returns
    -------
    DataFrame
        The columns of ``asked.items``, ``segment_id`` (the user's audience), ``expected_gain``.
    """
    shape = len(asked.items), len(heavy.profiles)
    if not all(shape):
        return asked.items.head(0).assign(segment_id="", expected_gain=0.0)
    own = reached_styles(asked.real, heavy.profiles)
    theirs = dict(zip(segments, reached_styles(asked.real, [*segments.values()]), strict=True))
    units = set(zip(planned["item_id"], planned["segment_id"], strict=True))
    item_ids = asked.items["item_id"].tolist()
    instead = np.repeat(asked.styles[:, None], shape[1], axis=1)
    for column, name in enumerate(heavy.segment):
        rows = [row for row, item in enumerate(item_ids) if (item, name) in units]
        if rows:
            instead[rows, column] = theirs[name]

    def clicks(styles: NDArray[np.float32]) -> NDArray[np.float64]:
        return scorer.segment_click_probability(
            [user.segment_id for _ in item_ids for user in heavy.profiles],
            [item for item in item_ids for _ in heavy.profiles],
            np.repeat(asked.embeddings, shape[1], axis=0),
            styles.reshape(-1, styles.shape[-1]),
        ).reshape(shape)

    before, after = clicks(instead), clicks(np.tile(own, (shape[0], 1, 1)))
    pairs = asked.items.merge(pd.DataFrame({"segment_id": [each.segment_id for each in heavy.profiles]}), how="cross")
    gain = (after - before) * heavy.share
    pairs["expected_gain"] = (asked.items["traffic"].to_numpy()[:, None] * gain).reshape(-1)
    pairs = pairs[((after - before) / np.maximum(before, 1e-12) >= settings.user_min_gain).reshape(-1)]
    order = ["expected_gain", "item_id", "segment_id"]
    ordered: pd.DataFrame = pairs.sort_values(order, ascending=[False, True, True], ignore_index=True)
    return ordered.head(settings.user_units)
