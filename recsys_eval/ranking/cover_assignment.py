"""Which generated cover each impression's user is assigned, and the controls for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from jobs.lake.arrays import Floats, Ints
from jobs.lake.audiences import with_own
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import UNPERSONALISED, WITHOUT_PROFILE
from recsys_eval.ranking.features import ImpressionFeatures

SCHEMA = {"item_id": pl.String, "segment_id": pl.String, "cover_id": pl.String, "relevance": pl.Float64}


@dataclass(frozen=True, kw_only=True)
class CoverAssignment:
    """Generated covers and whom they are assigned to."""

    covers: pl.DataFrame
    """One row per item x segment: item_id, segment_id, cover_id, relevance."""
    segments: pl.DataFrame
    """One row per user: user_id, segment_id."""

    def __len__(self) -> int:
        return len(self.covers)

    def of(self, impressions: ImpressionFeatures) -> tuple[Ints, Floats]:
        """Cover row (0 without one) and relevance (NaN without one) of each impression, both (n,)."""
        wanted = impressions.frame.select("user_id", "item_id").join(
            self.segments, on="user_id", how="left", maintain_order="left"
        )
        found = wanted.join(self.covers, on=["item_id", "segment_id"], how="left", maintain_order="left")
        relevance = found["relevance"].fill_null(float("nan")).to_numpy()
        return impressions.sources.cover_rows(found["cover_id"]), relevance

    def shuffled(self, seed: int) -> "CoverAssignment | None":
        """Every segment gets another one's covers: the control for personalisation.

        Returns
        -------
        CoverAssignment or None
            None with fewer than two segments. No segment keeps its own covers: the random order is
            turned by one place.
        """
        names = sorted(self.covers["segment_id"].unique().to_list())
        if len(names) < 2:
            return None
        order = np.random.default_rng(seed).permutation(len(names))
        turned = {names[a]: names[b] for a, b in zip(order, np.roll(order, 1), strict=True)}
        return CoverAssignment(
            covers=self.covers.with_columns(pl.col("segment_id").replace_strict(turned, return_dtype=pl.String)),
            segments=self.segments,
        )


def random_drawing_assignment(lake: Lake, assignment: CoverAssignment, seed: int) -> CoverAssignment:
    """For every pair that has a cover an existing drawing of its item, drawn at random: a picture, but nobody's choice.

    Items without an original are left out; of how well a drawing fits its title nothing is said (NaN).
    """
    originals = pl.DataFrame(
        lake.read("covers", columns=["item_id", "cover_id"], filters=[("source", "=", "original")])
    )
    by_item = originals.unique().sort("item_id", "cover_id").group_by("item_id", maintain_order=True).all()
    pairs = assignment.covers.select("item_id", "segment_id").sort("item_id", "segment_id").join(by_item, on="item_id")
    draws = np.random.default_rng(seed).random(len(pairs))
    chosen = pairs.with_columns(at=(pl.Series(draws) * pl.col("cover_id").list.len()).cast(pl.Int64))
    covers = chosen.select(
        "item_id", "segment_id", pl.col("cover_id").list.get(pl.col("at")), relevance=pl.lit(float("nan"))
    )
    return CoverAssignment(covers=covers, segments=assignment.segments)


def load_segments(lake: Lake, ds: date) -> pl.DataFrame:
    """One row per user: user_id, segment_id, as of the end of ``ds``; empty where none were made."""
    if not lake.exists("user_segments"):
        return pl.DataFrame(schema={"user_id": pl.String, "segment_id": pl.String})
    return pl.DataFrame(lake.read("user_segments", ds=ds, columns=["user_id", "segment_id"]))


def members_of(lake: Lake, ds: date, segments: Sequence[str]) -> tuple[list[str], Ints]:
    """Users of these segments by id, and the place of each one's segment among them."""
    members = load_segments(lake, ds).filter(pl.col("segment_id").is_in(segments)).sort("user_id")
    at = {name: place for place, name in enumerate(segments)}
    return members["user_id"].to_list(), np.array([at[name] for name in members["segment_id"]], np.int64)


def _selected(lake: Lake, ds: date, purpose: str, as_of: date | None = None) -> pl.DataFrame:
    """Selected candidates of one purpose: item_id, segment_id, cover_id, relevance."""
    if not lake.exists("generated_covers"):
        return pl.DataFrame(schema=SCHEMA)
    filters = [("selected", "=", True), ("purpose", "=", purpose)]
    if as_of is not None:
        filters.append(("as_of", "=", as_of.isoformat()))
    columns = ["item_id", "segment_id", "cover_id", "rewards"]
    table = lake.read("generated_covers", ds=ds, columns=columns, filters=filters)
    relevance = [dict(rewards or ()).get("relevance", float("nan")) for rewards in table["rewards"].to_pylist()]
    frame = pl.DataFrame(table.select(columns[:3])).with_columns(pl.Series("relevance", relevance, dtype=pl.Float64))
    return frame.unique(["item_id", "segment_id"], keep="first", maintain_order=True)


def evaluation_assignment(lake: Lake, ds: date, cut: date) -> CoverAssignment:
    """Covers painted for the time split, from the profile as of ``cut``; not reviewed, never shown."""
    return CoverAssignment(covers=_selected(lake, ds, "evaluate", cut), segments=load_segments(lake, cut))


def published_assignment(lake: Lake, ds: date) -> CoverAssignment:
    """Covers painted for a segment's taste that the feed may show after ``ds``.

    Users without a profile are shown the unpersonalised cover; that is a control and no assignment. A single user who
    was painted for alone is an audience of their own.
    """
    segments = load_segments(lake, ds)
    if not lake.exists("published_covers"):
        return CoverAssignment(covers=pl.DataFrame(schema=SCHEMA), segments=segments)
    published = pl.DataFrame(lake.read("published_covers", ds=ds, columns=["item_id", "segment_id", "cover_id"]))
    published = published.filter(pl.col("segment_id") != WITHOUT_PROFILE)
    painted = _selected(lake, ds, "publish").select("cover_id", "relevance").unique("cover_id")
    published, segments = with_own(published, segments)
    return CoverAssignment(covers=published.join(painted, on="cover_id", how="left"), segments=segments)


def covers_beside(lake: Lake, ds: date, published: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What other methods painted beside published covers: method -> item_id, segment_id, cover_id; never shown.

    Parameters
    ----------
    lake, ds
        Where and of which night.
    published
        item_id and segment_id of what is shown: only the same pairs are returned.
    """
    if not lake.exists("generated_covers"):
        return {}
    columns = ["method", "item_id", "segment_id", "cover_id"]
    filters = [("selected", "=", True), ("purpose", "=", "beside")]
    found = pl.DataFrame(lake.read("generated_covers", ds=ds, columns=columns, filters=filters))
    found = found.join(published.select("item_id", "segment_id"), on=["item_id", "segment_id"], how="semi")
    return {name: found.filter(method=name).drop("method") for name in found["method"].unique().sort()}


def unpersonalised_assignment(lake: Lake, ds: date, segments: pl.DataFrame, items: pl.Series) -> CoverAssignment:
    """Covers painted without any preference, for every user with a segment.

    Parameters
    ----------
    lake, ds
        Where and of which night.
    segments
        One row per user that generated covers are assigned to.
    items
        Only these items, so that the control differs in the profile and in nothing else.
    """
    covers = _selected(lake, ds, "unpersonalised").filter(pl.col("item_id").is_in(items.unique().to_list()))
    covers = covers.unique("item_id", keep="first", maintain_order=True)
    return CoverAssignment(
        covers=covers.with_columns(segment_id=pl.lit(UNPERSONALISED)),
        segments=segments.select("user_id", segment_id=pl.lit(UNPERSONALISED)),
    )
