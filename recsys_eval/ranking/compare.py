"""Did ranking get better: the arms on the log as it was, and on the day that covers were played."""

from collections.abc import Container, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from jobs.lake.arrays import Flags, Floats
from recsys_eval.arm_names import ANOTHER, GENERATED, LOGGED, PLAIN, SHUFFLED, TRUE_COVERS, TRUE_ORIGINALS
from recsys_eval.night import Findings, Night
from recsys_eval.ranking.arm_metrics import MIN_SLICE_USERS, Resampling, compare_arms
from recsys_eval.ranking.arms import Block, arm_block, believed_feed, score_arms
from recsys_eval.ranking.cover_assignment import (
    CoverAssignment,
    evaluation_assignment,
    load_segments,
    published_assignment,
    random_drawing_assignment,
    unpersonalised_assignment,
)
from recsys_eval.ranking.features import ImpressionFeatures
from recsys_eval.ranking.lift_figures import ALL, QUOTED_SLICES, RANDOM, TREATED, figures_of, sizes
from recsys_eval.ranking.rankers import RankerSettings, useful_rows
from recsys_eval.ranking.slices import dimensions_of, slice_lifts

LOG, PLAYED = "lambdarank-log", "lambdarank-played"
TREATED_POLICY = "published"
"""Policy names of impressions whose user was shown published covers begin with it."""
NOTHING_TO_WIN = (
    f"{LOG}: nothing was attainable there by construction: the feed showed drawings that existed, and every arm knows "
    "them; the lift of generated covers on the log must be about 0"
)
SEEDS = 5
NOTHING_TO_LEARN = (
    "{ranker}: no request of the training days has both a click and a skip, so there is no order to learn"
)


def ranker_settings(night: Night) -> RankerSettings:
    """The settings of every arm but A/A."""
    chosen = night.ctx.settings.evaluate
    return RankerSettings(trees=chosen.trees, seeds=tuple(chosen.seed + number for number in range(SEEDS)))


def resampling(night: Night) -> Resampling:
    """The bootstrap of every comparison."""
    chosen = night.ctx.settings.evaluate
    return Resampling(resamples=chosen.bootstrap, seed=chosen.seed)


def with_controls(night: Night, assignment: CoverAssignment) -> dict[str, CoverAssignment]:
    """Arms with covers to assign: the covers, another segment's, drawings at random, and unpersonalised ones."""
    if not len(assignment):
        return {}
    arms = {GENERATED: assignment}
    shuffled = assignment.shuffled(night.ctx.settings.evaluate.seed)
    if shuffled is not None:
        arms[SHUFFLED] = shuffled
    random = random_drawing_assignment(night.lake, assignment, night.ctx.settings.evaluate.seed)
    if len(random):
        arms[ANOTHER] = random
    plain = unpersonalised_assignment(night.lake, night.ctx.ds, assignment.segments, assignment.covers["item_id"])
    if len(plain):
        arms[PLAIN] = plain
    return arms


def treated_rows(impressions: ImpressionFeatures) -> Flags:
    """(n,) impressions of users who were shown published covers."""
    return impressions.frame["policy"].fill_null("").str.starts_with(TREATED_POLICY).to_numpy()


def random_rows(night: Night, impressions: ImpressionFeatures) -> Flags:
    """(n,) impressions of requests whose order was random."""
    exploring = night.ctx.settings.features.exploring_policies
    return impressions.frame["policy"].fill_null("").is_in(list(exploring)).to_numpy()


def slices_of(night: Night, impressions: ImpressionFeatures, segments: pl.DataFrame) -> dict[str, Flags]:
    """Everything, requests in random order, new and existing items, both arms of users, each segment; (n,) masks."""
    new = impressions.frame["item_id"].is_in(list(night.new_items)).to_numpy()
    slices = {ALL: np.ones(len(impressions), bool), RANDOM: random_rows(night, impressions)}
    slices |= {"new items": new, "existing items": ~new}
    treated = treated_rows(impressions)
    if treated.any():
        slices |= {TREATED: treated, "treated, new items": treated & new, "control": ~treated}
    found = impressions.frame.select("user_id").join(segments, on="user_id", how="left", maintain_order="left")
    names = found["segment_id"].drop_nulls().unique().sort().to_list()
    slices |= {f"segment {name}": found["segment_id"].eq(name).fill_null(False).to_numpy() for name in names}
    return {name: mask for name, mask in slices.items() if np.unique(impressions.user[mask]).size >= MIN_SLICE_USERS}


def learnable(train: Block) -> bool:
    """Whether any request has both a click and a skip."""
    return bool(useful_rows(train.request, train.clicked).any())


def rank_log(night: Night) -> Findings:
    """Train on the first days after the cut, test on the rest up to ds, covers painted as of the cut."""
    ctx = night.ctx
    assignments = with_controls(night, evaluation_assignment(night.lake, ctx.ds, ctx.cut))
    days = night.logged_days
    train_days = {day.isoformat() for day in days[: ctx.settings.evaluate.train_days]}
    if len(train_days) == len(days):
        note = (
            f"{len(days)} days after the cut and {len(train_days)} to train on leave no day to test rankers on the log"
        )
        return Findings(notes=[note])
    block = arm_block(night.log, assignments, night.examination)
    train = night.log.frame["ds"].is_in(sorted(train_days)).to_numpy()
    test = block.where(~train)
    if not learnable(block.where(train)):
        return Findings(notes=[NOTHING_TO_LEARN.format(ranker=LOG)])
    scores = score_arms(block.where(train), test, ranker_settings(night), night.begin)
    scores[LOGGED] = logged_order(test)
    segments = load_segments(night.lake, ctx.cut)
    slices = {name: mask[~train] for name, mask in slices_of(night, night.log, segments).items()}
    findings = _findings(night, LOG, test, scores, slices)
    labels = dimensions_of(night.log, segments, cut=ctx.cut, new_items=night.new_items)
    labels = {name: each.filter(~train) for name, each in labels.items()}
    findings.slices = slice_lifts(LOG, test, scores, labels, resampling(night))
    findings.notes += [*_missing(LOG, assignments), NOTHING_TO_WIN]
    return findings


def rank_played(night: Night) -> Findings:
    """Train on the log after the cut, test on the day that showed published covers."""
    ctx = night.ctx
    if not night.played:
        return Findings(notes=[f"the log has no {night.next_day}: rankers on the played day were left out"])
    train_assignments = with_controls(night, evaluation_assignment(night.lake, ctx.ds, ctx.cut))
    test_assignments = with_controls(night, published_assignment(night.lake, ctx.ds))
    both = [name for name in test_assignments if name in train_assignments]
    treated = treated_rows(night.play)
    train = arm_block(night.log, {name: train_assignments[name] for name in both}, night.examination)
    test = arm_block(night.play, {name: test_assignments[name] for name in both}, night.examination, treated)
    if not learnable(train):
        return Findings(notes=[NOTHING_TO_LEARN.format(ranker=PLAYED)])
    scores = score_arms(train, test, ranker_settings(night), night.begin)
    scores[LOGGED] = logged_order(test)
    if night.truth is not None and GENERATED in both:
        test = replace(test, truth=night.truth.as_shown(night.play))
        shown = believed_feed(night.play, test_assignments[GENERATED].of(night.play)[0], treated)
        scores[TRUE_ORIGINALS] = night.truth.of_covers(night.play, night.play.default_row)[None]
        scores[TRUE_COVERS] = night.truth.of_covers(night.play, shown)[None]
    segments = load_segments(night.lake, ctx.ds)
    findings = _findings(night, PLAYED, test, scores, slices_of(night, night.play, segments))
    labels = dimensions_of(night.play, segments, cut=ctx.cut, new_items=night.new_items)
    findings.slices = slice_lifts(PLAYED, test, scores, labels, resampling(night))
    findings.notes += _missing(PLAYED, both)
    return findings


def logged_order(test: Block) -> Floats:
    """(1, n) scores that keep the order in which the log showed the items."""
    return -test.position[None].astype(np.float64)


def _missing(ranker: str, arms: Container[str]) -> list[str]:
    """A note where an arm has no covers."""
    missing = [name for name in (GENERATED, SHUFFLED, ANOTHER, PLAIN) if name not in arms]
    return [f"{ranker}: no covers for the arms {', '.join(missing)}"] if missing else []


def _findings(
    night: Night, ranker: str, test: Block, scores: Mapping[str, Floats], slices: Mapping[str, Flags]
) -> Findings:
    rows = compare_arms(ranker, test, scores, slices, resampling(night))
    notes = [] if rows else [f"{ranker}: fewer than {MIN_SLICE_USERS} users on the test days, or no click"]
    figures = [found for row in rows if row["slice"] in QUOTED_SLICES for found in figures_of(row, night.simulated)]
    return Findings(rows=rows, figures=[*figures, *sizes(ranker, test, slices, night.simulated)], notes=notes)
