"""What covers of single users' own were worth in a night with them: ``coverlift study own-covers``.

Over the published covers of users with one of their own: true clicks (simulated) on that cover, on what they would
have been shown without it (their segment's cover where it is published, the original where not), on the original, and
on the user's own best drawing.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from conf.errors import UsageError
from jobs.lake.arrays import Floats, Ints
from jobs.lake.audiences import PREFIX
from jobs.lake.context import Context
from jobs.simulator.model import World
from jobs.stickers.pack import PicturePack
from recsys_eval.arm_names import BEST, ORIGINAL
from recsys_eval.comparison.figures.worth import Means, chances_of, drawn_for, resampled_means
from recsys_eval.judge.appearance import appearance_among, judge_drawings
from recsys_eval.judge.judgements import CachedJudge
from recsys_eval.simulation.painted import read_pixels
from recsys_eval.statistics.lift import Estimate

OWN, ELSE = "own", "without it"
"""The cover of one's own, and what would be shown without."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """Covers of single users' own, and what they would see else. ``R`` rows."""

    frame: pl.DataFrame
    """user_id, item_id, own, else_ (cover or null)."""

    @classmethod
    def read(cls, ctx: Context) -> "Published":
        """Of a night.

        Raises
        ------
        UsageError
            No single user has a published cover of their own.
        """
        columns = ["item_id", "segment_id", "cover_id"]
        published = pl.DataFrame(ctx.lake.read("published_covers", ds=ctx.ds, columns=columns))
        members = pl.DataFrame(ctx.lake.read("user_segments", ds=ctx.ds, columns=["user_id", "segment_id"]))
        single = pl.col("segment_id").str.starts_with(PREFIX)
        own = published.filter(single).with_columns(user_id=pl.col("segment_id").str.strip_prefix(PREFIX))
        if own.is_empty():
            raise UsageError(
                f"nobody has a published cover of their own on {ctx.ds}: "
                "run `coverlift nightly -o generation.level=user`"
            )
        rows = own.select("user_id", "item_id", own="cover_id").join(members, on="user_id")
        theirs = published.filter(~single).select("item_id", "segment_id", else_="cover_id")
        joined = rows.join(theirs, on=["item_id", "segment_id"], how="left").drop("segment_id")
        return cls(frame=joined.sort("user_id", "item_id"))


def worth(ctx: Context, published: Published, *, resamples: int, seed: int) -> Means:
    """True clicks of every arm over the users' cells, weighted by the users' traffic."""
    frame, pack = published.frame, PicturePack.load()
    world, judge = World(ctx.settings.world, pack), CachedJudge.open(ctx.lake)
    users, items = frame["user_id"].unique().sort().to_list(), frame["item_id"].unique().sort().to_list()
    row = {name: place for place, name in enumerate(users)}
    column = {name: place for place, name in enumerate(items)}
    u = np.array([row[name] for name in frame["user_id"]], np.int64)
    i = np.array([column[name] for name in frame["item_id"]], np.int64)
    shown = pl.concat([frame.select("item_id", cover="own"), frame.select("item_id", cover="else_").drop_nulls()])
    shown = shown.unique().sort("item_id", "cover")
    codes = shown["item_id"].to_list()
    number = {key: place for place, key in enumerate(shown.iter_rows())}
    pixels = read_pixels(ctx.images, shown["cover"].to_list())
    seen = appearance_among(judge, judge_drawings(judge, pack, codes), codes, pixels)
    drawn = drawn_for(
        world, world.user_index(users), world.item_index(items), np.arange(len(users)), world.user_index(users),
        np.arange(len(users)),
    )  # fmt: skip
    cells = np.zeros((len(users), len(items)), bool)
    cells[u, i] = True

    def of(covers: pl.Series) -> Floats:
        places: Ints = np.full(cells.shape, -1, np.int64)
        names = zip(frame["item_id"], covers, strict=True)
        places[u, i] = [-1 if cover is None else number[item, cover] for item, cover in names]
        chance = chances_of(
            world, world.user_index(users), world.item_index(items), places, seen.style_probs, seen.similarity
        )
        return np.where(cells & (places < 0), drawn.original, chance)

    traffic = pl.DataFrame(ctx.lake.read("user_features", ds=ctx.ds, columns=["user_id", "impressions_28d"]))
    weight = dict(traffic.iter_rows())
    arms = {
        ORIGINAL: np.where(cells, drawn.original, np.nan)[None],
        BEST: np.where(cells, drawn.best, np.nan)[None],
        OWN: of(frame["own"])[None],
        ELSE: of(frame["else_"])[None],
    }
    found = resampled_means(arms, np.array([float(weight[name]) for name in users]), resamples=resamples, seed=seed)
    assert found is not None
    return found


@dataclass(frozen=True, kw_only=True)
class OwnCovers:
    """Options of :func:`own_covers`."""

    resamples: int = 1000
    """Of every interval."""
    seed: int = 71
    """Of resampling."""


def own_covers(ctx: Context, options: OwnCovers) -> None:
    """Print what they cost and what they are worth.

    Raises
    ------
    UsageError
        No single user has a published cover of their own.
    """
    published = Published.read(ctx)
    means = worth(ctx, published, resamples=options.resamples, seed=options.seed)
    plan = pl.DataFrame(
        ctx.lake.read(
            "generation_plan", ds=ctx.ds, columns=["segment_id", "candidates", "estimated_seconds", "expected_gain"]
        )
    )
    alone = plan.filter(pl.col("segment_id").str.starts_with(PREFIX))
    print(
        f"planned for {alone['segment_id'].n_unique()} single users: {len(alone)} units, "
        f"{alone['candidates'].sum()} of {plan['candidates'].sum()} pictures, "
        f"about {alone['estimated_seconds'].sum():.0f} s; "
        f"{alone['expected_gain'].sum():.1f} clicks a day expected on top"
    )
    instead = float(published.frame["else_"].is_not_null().to_numpy().mean())
    print(
        f"published: {len(published.frame)} covers of {means.users} users and {means.items} items; "
        f"{instead:.0%} of them instead of their segment's, the others instead of the original"
    )
    print("true clicks (simulated), over the original:")
    for name in (OWN, ELSE, BEST):
        print(f"  {name:14} {_told(means.lift(name))}")
    print(f"own over {ELSE}: {_told(relative(means))}")
    print("share of the gap to the user's own best drawing closed:")
    for name in (OWN, ELSE):
        print(f"  {name:14} {_told(means.gap_closed(name))}")


def relative(means: Means) -> Estimate:
    """Relative gain in true clicks of own covers over what would be shown without them."""
    changed = Means(draws={ORIGINAL: means.draws[ELSE], OWN: means.draws[OWN]}, users=means.users, items=means.items)
    return changed.lift(OWN)


def _told(found: Estimate) -> str:
    p = "" if found.p is None else f", p {found.p:.3f}"
    return f"{found.value:+.1%} [{found.low:+.1%}, {found.high:+.1%}]{p}"
