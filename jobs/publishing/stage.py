"""What the feed may show tonight: approved covers and titles, and nothing whose safety or review is unknown."""

import hashlib
import math
from datetime import date

import polars as pl

from conf.errors import CorruptImage, TryAgainError
from jobs.lake.context import Context, StageResult
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import SHOWN_PURPOSES, UNPERSONALISED, WITHOUT_PROFILE
from jobs.lake.schema.covers import PUBLISHED_COVERS
from jobs.lake.schema.review import COVER_DECISIONS
from jobs.ledger import past_runs
from jobs.publishing.crops import make_crops
from jobs.publishing.rollback import publish_again, standing_rollback
from jobs.publishing.standing import standing
from jobs.publishing.titles import publish_titles

ATTEMPTS = 5
"""How often publishing starts over because somebody decided in between."""


def run(context: Context) -> StageResult:
    """Publish, for each item and segment of the night's plan, its selected cover if it is approved.

    A takedown that is written while this runs is seen: decisions are read again after the write.

    Returns
    -------
    StageResult
        Rows published, and covers withheld by reason.

    Raises
    ------
    TryAgainError
        When decisions keep changing, or ``review.required`` is set and people's decisions were not read.
    """
    _check_reviewed(context)
    lake, night = context.lake, context.ds.isoformat()
    for _ in range(ATTEMPTS):
        seen, decisions = lake.version("cover_decisions"), decisions_that_count(lake, context.ds)
        back = standing_rollback(lake, context.ds)
        if back is not None:
            counts = publish_again(context, back, decisions)
            if lake.version("cover_decisions") == seen:
                return StageResult(rows=counts, note=f"rolled back: {counts['published_covers']:,} covers of {back}")
            continue
        rows, withheld = choose(
            publishable_covers(lake, context.ds),
            decisions,
            max_nsfw=context.settings.policy.max_nsfw,
        )
        rows, damaged = _with_picture(context, rows)
        withheld["damaged"] = damaged
        crops = make_crops(context, rows["cover_id"].to_list()) if context.settings.publish.crops else 0
        published = lake.replace(rows.to_arrow().cast(PUBLISHED_COVERS.schema), "published_covers", ds=night)
        titles, withheld_titles = publish_titles(context, decisions)
        if lake.version("cover_decisions") == seen:
            metrics = {f"withheld_{reason}": float(count) for reason, count in withheld.items()}
            note = f"{published:,} covers published, {sum(withheld.values()):,} withheld"
            counts = {"published_covers": published}
            if crops:
                counts["cover_crops"] = crops
                note += f"; {crops:,} crops made"
            if titles or withheld_titles:
                counts["published_titles"] = titles
                note += f"; {titles:,} titles published, {withheld_titles:,} withheld"
            return StageResult(rows=counts, metrics=metrics, note=note)
    raise TryAgainError(
        f"Decisions changed {ATTEMPTS} times while covers of {night} were published; run publish again."
    )


def _check_reviewed(context: Context) -> None:
    if not context.settings.review.required:
        return
    synced = past_runs(context).get("review-sync")
    if synced is None or not synced.done:
        raise TryAgainError(
            f"Nothing of {context.ds} is published: review.required is set and people's decisions were not read from "
            f"the reviewers' desk. `coverlift review-sync --ds {context.ds}` reads them; it says what is in the way."
        )


def publishable_covers(lake: Lake, ds: date) -> pl.DataFrame:
    """Candidates of units to publish: one row each, with ``selected`` and ``nsfw`` (null when not scored).

    The unpersonalised cover of an item goes to the segment of users without a profile.
    """
    columns = ["ds", "item_id", "segment_id", "cover_id", "unit_id", "score", "selected", "rewards"]
    tonight = [("purpose", "in", list(SHOWN_PURPOSES)), ("as_of", "==", ds.isoformat())]
    found = lake.read("generated_covers", ds=ds, columns=columns, filters=tonight)
    nsfw = [dict(rewards).get("nsfw") for rewards in found["rewards"].to_pylist()]
    known = [value if value is not None and math.isfinite(value) else None for value in nsfw]
    return pl.DataFrame(pl.from_arrow(found.drop_columns(["rewards"]))).with_columns(
        nsfw=pl.Series(known, dtype=pl.Float64),
        segment_id=pl.col("segment_id").replace(UNPERSONALISED, WITHOUT_PROFILE),
    )


def decisions_that_count(lake: Lake, ds: date) -> pl.DataFrame:
    """Decisions of nights up to ds, and takedowns of any night: a cover taken down stays down."""
    if not lake.exists("cover_decisions"):
        return pl.DataFrame(pl.from_arrow(COVER_DECISIONS.schema.empty_table()))
    decisions = pl.DataFrame(pl.from_arrow(lake.read("cover_decisions")))
    return decisions.filter((pl.col("ds") <= ds.isoformat()) | (pl.col("decision") == "takedown"))


def decisions_digest(context: Context) -> str:
    """Hash of the decisions that count: a person's new decision makes publishing run again."""
    ids = sorted(decisions_that_count(context.lake, context.ds)["decision_id"])
    back = standing_rollback(context.lake, context.ds)
    ids += [] if back is None else [f"rolled back to {back}"]
    ids += ["review.required"] if context.settings.review.required else []
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def choose(covers: pl.DataFrame, decisions: pl.DataFrame, *, max_nsfw: float) -> tuple[pl.DataFrame, dict[str, int]]:
    """Covers that may go out, and how many may not for which reason.

    A unit's cover is the one that a person approved last, else the selected candidate; a candidate
    that was not selected goes out only when a person picked it.

    Parameters
    ----------
    covers
        One row per candidate; see :func:`publishable_covers`.
    decisions
        See :func:`decisions_that_count`. About a cover in its unit, a person's latest decision by
        ``decided_at`` counts; without one, or after a ``withdraw``, the policy's latest. A takedown of
        the cover counts for ever and in every unit.
    max_nsfw
        A cover over it goes out only where a person approved it knowing that: the reason begins with
        :data:`~jobs.lake.schema.review.OVER_LIMIT`.

    Returns
    -------
    tuple
        Rows of published_covers, one per item x segment (the best score where several units
        compete), and counts of units by reason.
    """
    taken_down = decisions.filter(pl.col("decision") == "takedown")["cover_id"].unique()
    candidates = covers.join(standing(decisions), on=["cover_id", "unit_id"], how="left")
    picked = pl.col("by_person").fill_null(False) & (pl.col("decision") == "approve")
    judged = (
        candidates.filter(pl.col("selected") | picked)
        .sort("unit_id", picked, "decided_at", "selected", descending=[False, True, True, True], nulls_last=True)
        .unique("unit_id", keep="first", maintain_order=True)
    )
    judged = judged.with_columns(
        reason=pl.when(pl.col("cover_id").is_in(taken_down.implode()))
        .then(pl.lit("taken_down"))
        .when(pl.col("nsfw").is_null())
        .then(pl.lit("safety_unknown"))
        .when(pl.col("decision").is_null() | (pl.col("decision") == "ask"))
        .then(pl.lit("undecided"))
        .when(pl.col("decision") != "approve")
        .then(pl.lit("rejected"))
        .when((pl.col("nsfw") > max_nsfw) & ~pl.col("knowingly"))
        .then(pl.lit("over_limit"))
    )
    reasons = judged.filter(pl.col("reason").is_not_null()).group_by("reason").len()
    allowed = (
        judged.filter(pl.col("reason").is_null())
        .sort("score", "unit_id", descending=[True, False])
        .unique(["item_id", "segment_id"], keep="first", maintain_order=True)
        .sort("item_id", "segment_id")
        .select(PUBLISHED_COVERS.schema.names)
    )
    return allowed, dict(reasons.sort("reason").iter_rows())


def _with_picture(context: Context, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Rows whose picture is in the store and whole, and the number of the others."""
    whole = []
    for cover_id in rows["cover_id"]:
        try:
            context.images.get(cover_id)
        except (FileNotFoundError, CorruptImage):
            whole.append(False)
        else:
            whole.append(True)
    kept = rows.filter(pl.Series(whole, dtype=pl.Boolean))
    return kept, rows.height - kept.height
