"""Clicks of the log as tasks of painting: the cover that was clicked, from another cover of its item.

No label: a training user clicked a cover of a training item, and had clicked other covers before. Covers that were
painted here are left out on both sides.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from conf.errors import UsageError
from generation.catalogue import items_with_default, original_covers
from generation.personalization.pigeon.training.logged import read_log
from generation.personalization.pigeon.training.reconstruct import propensity_weights
from generation.types import CLICKED_COVERS
from jobs.lake.context import Context
from jobs.lake.splits import Split, split_of


@dataclass(frozen=True, kw_only=True)
class Click:
    """A clicked cover to paint again."""

    title: str
    """Of its item."""
    target: str
    """Id of the clicked cover."""
    reference: str
    """Id of another cover of the item: its default, or where that was clicked, any other."""
    before: tuple[str, ...]
    """Ids of covers of other items that the user had clicked before, the newest first, at most 8."""
    propensity: float
    """Of what was shown; 1 where the log does not say."""


@dataclass(frozen=True, kw_only=True)
class Clicks:
    """Clicks to draw from, with their weights."""

    clicks: tuple[Click, ...]
    """(N,)"""
    weight: NDArray[np.float32]
    """(N,) 1 / propensity, cut at the 99th percentile, with mean 1."""

    @classmethod
    def read(cls, ctx: Context, split: Split) -> "Clicks":
        """Of users and items of a split, in the 28 days up to ds.

        Raises
        ------
        UsageError
            There is none: no user clicked two items of which one has several covers.
        """
        items = items_with_default(ctx.lake, ctx.ds)
        titles = dict(zip(items["item_id"], items["title"], strict=True))
        frame = original_covers(ctx.lake, ctx.ds)
        covers = {str(item): tuple(part["cover_id"]) for item, part in frame.groupby("item_id")}
        default = dict(zip(items["item_id"], items["reference_cover_id"], strict=True))
        log = read_log(ctx, split).filter(pl.col("clicked"))
        wanted = {item: title for item, title in titles.items() if split_of(item) == split}
        found = tuple(
            click
            for (_,), events in log.partition_by("user_id", as_dict=True, maintain_order=True).items()
            for click in clicks_of(events, wanted, covers, default)
        )
        if not found:
            raise UsageError(
                f"no {split} user clicked a cover up to {ctx.ds} that could be painted from another cover of its item "
                "and from earlier clicks: reconstruction needs items with several covers"
            )
        return cls(clicks=found, weight=propensity_weights([click.propensity for click in found]))


def clicks_of(
    events: pl.DataFrame,
    titles: Mapping[str, str],
    covers: Mapping[str, tuple[str, ...]],
    default: Mapping[str, str],
) -> Iterator[Click]:
    """Tasks of one user.

    Parameters
    ----------
    events
        item_id, cover_id, ts and propensity of what they clicked, oldest first.
    titles
        By item: those that may be painted.
    covers, default
        Real covers by item, and the one that is shown by default.
    """
    earlier: dict[datetime, list[tuple[str, str]]] = defaultdict(list)
    for event in events.iter_rows(named=True):
        item, cover, when = event["item_id"], event["cover_id"], event["ts"]
        if cover not in covers.get(item, ()):
            continue
        others = [default[item], *covers[item]] if item in default else [*covers[item]]
        reference = next((other for other in others if other != cover), None)
        # the newest first, and strictly before: a request's other clicks say nothing yet
        known = [pair for then in sorted(earlier, reverse=True) if then < when for pair in reversed(earlier[then])]
        before = tuple(dict.fromkeys(clicked for other, clicked in known if other != item))[:CLICKED_COVERS]
        if item in titles and reference is not None and before:
            share = event["propensity"]
            yield Click(
                title=titles[item],
                target=cover,
                reference=reference,
                before=before,
                propensity=1.0 if share is None else float(share),
            )
        earlier[when].append((item, cover))
