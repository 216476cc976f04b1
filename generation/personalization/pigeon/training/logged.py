"""What users of the log did after a day, beside what they had been shown by then.

Rows are training users at the end of several days; each has its history as a painter would be told it that evening and
the preference that follows, and the impressions of training items in the days after. Held-out and validation users and
items are in none. An impression counts by how much its click says of a *taste*: position, the item's own rate and the
user's readiness are taken out beforehand, so that what is left is the look of the cover.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from generation.catalogue import CoverVectors, items_with_default
from generation.history import CLICKED, WEIGHT
from generation.personalization.pigeon.rocchio import SHRINKAGE
from generation.types import PREFERENCE_DIM
from generation.user_history import history_of_events, vectors_of
from jobs.lake.context import Context
from jobs.lake.examination import examination_at, read_examination
from jobs.lake.schema.columns import EMBED_DIM, WINDOWS
from jobs.lake.splits import Split, split_of
from reward_model.encoders.model import ENCODER_ID

EVERY = 3
"""Days between the days that histories end with."""
AHEAD = 7
"""Days after it whose impressions are asked about."""
READINESS = 100.0
"""Impressions at which a user's own rate counts as much as everybody's."""


@dataclass(frozen=True, kw_only=True)
class Logged:
    """``R`` rows with ``M`` impressions."""

    users: tuple[str, ...]
    """(R,)"""
    history: NDArray[np.float32]
    """(R, 48, 165)."""
    preference: NDArray[np.float32]
    """(R, 160) as the night would have it."""
    row: NDArray[np.int64]
    """(M,) of each impression, ascending."""
    style: NDArray[np.float32]
    """(M, 32) of its cover, less the mean over all covers."""
    expected: NDArray[np.float32]
    """(M,) log odds of a click, whatever the cover looks like."""
    clicked: NDArray[np.float32]
    """(M,)"""
    item_ids: tuple[str, ...]
    """(M,)"""
    cover_ids: tuple[str, ...]
    """(M,)"""
    propensity: NDArray[np.float32]
    """(M,) of what was shown; 1 where the log does not say."""
    fresh: NDArray[np.bool_]
    """(M,) whether the item is not in the history."""
    originals: dict[str, str]
    """Default cover by item."""

    @classmethod
    def read(cls, ctx: Context, split: Split, items: Split = "train") -> "Logged":
        """Users of a split over impressions of items of a split, in the 28 days up to ds."""
        log = read_log(ctx, split)
        examination = read_examination(ctx.lake, ctx.ds)
        covers = CoverVectors.read(ctx.lake, ENCODER_ID, log["cover_id"].unique().to_list())
        wanted = {item for item in log["item_id"].unique() if split_of(item) == items}
        mean = covers.styles.mean(axis=0)
        log = log.with_columns(expected=expected_log_odds(ctx, log, examination))
        parts = []
        days = [ctx.ds - timedelta(days=back) for back in range(EVERY, max(WINDOWS) - EVERY, EVERY)]
        for (user,), events in log.partition_by("user_id", as_dict=True, maintain_order=True).items():
            looks = vectors_of(covers, events["cover_id"].to_list())
            for day in days:
                found = _row(str(user), events, looks, examination, day, wanted)
                if found is not None:
                    parts.append(found)
        frame = items_with_default(ctx.lake, ctx.ds)
        return cls._joined(parts, mean, dict(zip(frame["item_id"], frame["reference_cover_id"], strict=True)))

    @classmethod
    def _joined(cls, parts: list["_Row"], mean: NDArray[np.float32], originals: dict[str, str]) -> "Logged":
        counts = [len(part.clicked) for part in parts]
        look = np.concatenate([part.look for part in parts])
        return cls(
            users=tuple(part.user for part in parts),
            history=np.stack([part.history for part in parts]),
            preference=np.stack([preference_of(part.history) for part in parts]),
            row=np.repeat(np.arange(len(parts)), counts),
            style=(look[:, EMBED_DIM:] - mean).astype(np.float32),
            expected=np.concatenate([part.expected for part in parts]).astype(np.float32),
            clicked=np.concatenate([part.clicked for part in parts]).astype(np.float32),
            item_ids=tuple(item for part in parts for item in part.item_ids),
            cover_ids=tuple(cover for part in parts for cover in part.cover_ids),
            propensity=np.concatenate([part.propensity for part in parts]).astype(np.float32),
            fresh=np.concatenate([part.fresh for part in parts]),
            originals=originals,
        )


@dataclass(frozen=True, kw_only=True)
class _Row:
    user: str
    history: NDArray[np.float32]
    look: NDArray[np.float64]
    expected: NDArray[np.float64]
    clicked: NDArray[np.bool_]
    propensity: NDArray[np.float64]
    fresh: NDArray[np.bool_]
    item_ids: list[str]
    cover_ids: list[str]


def _row(
    user: str,
    events: pl.DataFrame,
    looks: NDArray[np.float64],
    examination: NDArray[np.float64],
    day: date,
    wanted: Collection[str],
) -> _Row | None:
    when = np.asarray(events["ds"].str.to_date().to_numpy(), "datetime64[D]")
    before = when <= np.datetime64(day)
    after = (when > np.datetime64(day)) & (when <= np.datetime64(day + timedelta(days=AHEAD)))
    after &= np.array([item in wanted for item in events["item_id"]]) & np.isfinite(looks).all(axis=1)
    if not events["clicked"].to_numpy()[before].any() or not after.any():
        return None
    history = history_of_events(events.filter(pl.Series(before)), looks[before], examination, day)
    if history is None:
        return None
    later = events.filter(pl.Series(after))
    return _Row(
        user=user,
        history=history,
        look=looks[after],
        expected=later["expected"].to_numpy(),
        clicked=later["clicked"].to_numpy(),
        propensity=later["propensity"].fill_null(1.0).to_numpy(),
        fresh=~later["item_id"].is_in(events["item_id"].filter(pl.Series(before)).unique().to_list()).to_numpy(),
        item_ids=later["item_id"].to_list(),
        cover_ids=later["cover_id"].to_list(),
    )


def read_log(ctx: Context, split: Split) -> pl.DataFrame:
    """Impressions of a split's users in the 28 days up to ds, each user's together, oldest first."""
    table = ctx.lake.read(
        "impressions",
        ds=[ctx.ds - timedelta(days=back) for back in range(max(WINDOWS))],
        columns=["user_id", "item_id", "cover_id", "ds", "ts", "position", "impression_id", "clicked", "propensity"],
    )
    log = pl.DataFrame(table)
    users = [user for user in log["user_id"].unique() if split_of(user) == split]
    return log.filter(pl.col("user_id").is_in(users)).sort("user_id", "ds", "ts", "position", "impression_id")


def expected_log_odds(ctx: Context, log: pl.DataFrame, examination: NDArray[np.float64]) -> pl.Series:
    """Log odds of a click by position, item and user, none of them looking at the cover."""
    table = ctx.lake.read("item_features", ds=ctx.ds, columns=["item_id", "ctr_debiased"])
    rates = dict(zip(table["item_id"].to_pylist(), table["ctr_debiased"].to_pylist(), strict=True))
    mean = float(np.mean(list(rates.values())))
    item = np.array([rates.get(name, mean) for name in log["item_id"]])
    chance = item * examination_at(examination, log["position"].to_numpy())
    of_user = log.select("user_id", "clicked", chance=pl.Series(chance)).with_columns(
        pl.col("clicked").sum().over("user_id").alias("clicks"), pl.col("chance").sum().over("user_id").alias("due")
    )
    due = of_user["due"].to_numpy()
    prior = READINESS * float(chance.mean())
    chance = np.clip(chance * (of_user["clicks"].to_numpy() + prior) / (due + prior), 1e-4, 0.9)
    return pl.Series(np.log(chance / (1 - chance)))


def preference_of(history: NDArray[np.float32]) -> NDArray[np.float32]:
    """(160,) the night's preference from the rows of a history, that stand for all events."""
    found = np.zeros(PREFERENCE_DIM)
    for sign in (1, -1):
        weight = history[:, WEIGHT].astype(np.float64) * (history[:, CLICKED] == sign)
        found += sign * (weight @ history[:, :PREFERENCE_DIM]) / (weight.sum() + SHRINKAGE)
    return found.astype(np.float32)
