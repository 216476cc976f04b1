"""What settings do on validation items: ``coverlift study validation-sweep``.

Generators, adapters, guidance and the weights of rewards are chosen on validation items, and not by
the judge, which only reports. This asks a second classifier, made by ``coverlift train judge --seed 23``
with weights of its own, and the world what covers painted at several guidances, and the best of all of
them by the night's rewards, would truly be clicked; and what the feed would be if only those were painted of
which the plan expects enough (``generation.min_gain``), with the original in all other places.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from generation.personalization.icg.train import build_reward
from generation.personalization.training.rewarding import ScoredReward
from generation.personalization.training.world import Audience, Items, Sampler
from generation.planning.stage import expected_of
from generation.rewards.candidates import CandidateScorer
from jobs.lake.arrays import Floats, Pixels
from jobs.lake.context import Context
from jobs.simulator.model import World
from jobs.stickers.pack import PicturePack
from recsys_eval.arm_names import BEST, ORIGINAL, PUBLISHED
from recsys_eval.judge.appearance import appearance_among, judge_drawings
from recsys_eval.judge.model import Judge
from recsys_eval.ranking.cover_assignment import members_of
from recsys_eval.simulation.context import favourite_families
from recsys_eval.simulation.truth import (
    SegmentUsers,
    ShownPictures,
    TruthFigures,
    judged_best,
    original_and_best,
    shown_probability,
    truth_figures,
)
from recsys_eval.statistics.lift import Estimate
from recsys_eval.studies.canvas import Canvas


class Evaluator:
    """Judges pictures of a canvas by a classifier and the world.

    Parameters
    ----------
    ctx
        A night that ran at least to ``train-reward``.
    canvas
        Items and segments.
    judge
        The second classifier.
    """

    def __init__(self, ctx: Context, canvas: Canvas, judge: Judge) -> None:
        self.canvas, self.judge = canvas, judge
        self.world = World(ctx.settings.world, PicturePack.load())
        segments = canvas.audience.segments
        names, segment = members_of(ctx.lake, ctx.ds, segments)
        users = self.world.user_index(names)
        self.users = SegmentUsers(users=users, segment=segment, traffic=np.ones(len(users)))
        self.items = self.world.item_index(canvas.items.ids)
        self.known = original_and_best(self.world, self.users, self.items)
        self.drawings = judge_drawings(judge, self.world.items.pack, canvas.items.ids)
        self.favourite = favourite_families(self.world, users, segment, len(segments))
        self.gain = expected_of(ctx, canvas.items.ids).relative
        """(I, S) what the plan expects of painting."""

    def __call__(self, pictures: Pixels) -> str:
        """One line about (I, S, 64, 64, 3)."""
        return self.line(self.shown(pictures))

    def shown(self, pictures: Pixels) -> ShownPictures:
        """(I, S, 64, 64, 3) as the classifier sees them."""
        items, segments = pictures.shape[:2]
        subjects = [item for item in self.canvas.items.ids for _ in range(segments)]
        appearance = appearance_among(self.judge, self.drawings, subjects, pictures.reshape(-1, 64, 64, 3))
        return ShownPictures(picture=np.arange(items * segments).reshape(items, segments), appearance=appearance)

    def feed(self, shown_pictures: ShownPictures, min_gain: float) -> str:
        """One line about what the feed shows of the pictures: those that the plan would paint."""
        kept = self.gain >= min_gain
        shown = shown_probability(self.world, self.users, self.items, shown_pictures)
        found = self.figures(np.where(kept[:, self.users.segment].T, shown, self.known.original))
        lift, gap = (_with_interval(each[PUBLISHED]) for each in (found.lift, found.gap_closed))
        return f"true clicks {lift}  gap {gap}  painted {kept.mean():.0%}"

    def real(self) -> dict[str, str]:
        """The same about the best existing drawings, judged like painted covers."""
        shown = judged_best(self.judge, self.drawings, self.canvas.items.ids, self.known)
        return {name: self.line(shown_pictures) for name, shown_pictures in shown.items()}

    def line(self, shown_pictures: ShownPictures) -> str:
        """One line about what each segment is shown."""
        found, appearance = self.truth(shown_pictures), shown_pictures.appearance
        style = (appearance.style_probs.argmax(1).reshape(shown_pictures.picture.shape) == self.favourite).mean()
        lift, gap = (_with_interval(each[PUBLISHED]) for each in (found.lift, found.gap_closed))
        return f"true clicks {lift}  gap {gap}  style {style:.2f}  subject {appearance.similarity.mean():.3f}"

    def truth(self, shown_pictures: ShownPictures) -> TruthFigures:
        """Of the pictures that each segment is shown."""
        shown = shown_probability(self.world, self.users, self.items, shown_pictures)
        return self.figures(shown)

    def figures(self, shown: Floats) -> TruthFigures:
        """Of the true probabilities of what is shown, (U, I)."""
        arms = {ORIGINAL: self.known.original, BEST: self.known.best, PUBLISHED: shown}
        found = truth_figures(arms, self.users.traffic, resamples=200, seed=0)
        assert found is not None  # every cell has all arms
        return found


def _with_interval(found: Estimate) -> str:
    return f"{found.value:+.1%} [{found.low:+.1%}, {found.high:+.1%}]"


def best_of(ctx: Context, canvas: Canvas, painted: list[Pixels]) -> Pixels:
    """The candidate of each item and segment that the night's rewards would keep, (I, S, 64, 64, 3)."""
    reward = build_reward(ctx, CandidateScorer(ctx), (), differentiable=False)
    assert isinstance(reward, ScoredReward)
    segments = canvas.audience.segments
    rows = np.repeat(np.arange(len(canvas.items.ids)), len(segments))
    whom = list(segments) * len(canvas.items.ids)
    batch = Sampler(canvas.items, canvas.audience, rows=2, seed=0).batch(rows, whom)
    flat = [pictures.reshape(-1, 64, 64, 3) for pictures in painted]
    pixels = [torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 for pictures in flat]
    scores = np.stack([reward(each, batch).total.numpy() for each in pixels])
    chosen: Pixels = np.stack(flat)[scores.argmax(0), np.arange(len(rows))]
    return chosen.reshape(painted[0].shape)


@dataclass(frozen=True, kw_only=True)
class ValidationSweep:
    """Options of :func:`validation_sweep`."""

    judge: Path
    """Folder of the second classifier."""
    method: str = "profile"
    """Name of the method that paints."""
    adapter: Path | None = None
    """Folder of its weights; None: those that come with it."""
    items: int = 48
    """Validation items."""
    guidance: tuple[float, ...] = ()
    """None given: the night's."""
    min_gain: tuple[float, ...] = ()
    """Of the plan; none given: the night's."""
    threads: int = 1
    """CPU threads."""


def validation_sweep(ctx: Context, options: ValidationSweep) -> None:
    """Print lines about real drawings, every guidance, the best of them, and what the feed makes of that."""
    torch.set_num_threads(options.threads)
    items = Items.read(ctx, CandidateScorer(ctx).encoders, "validation", options.items)
    canvas = Canvas(items=items, audience=Audience.read(ctx, "train"))
    evaluator = Evaluator(ctx, canvas, Judge.load(options.judge))
    for name, line in evaluator.real().items():
        print(f"{name:20}  {line}", flush=True)
    painted = []
    for guidance in options.guidance or ctx.settings.generation.guidance:
        painted.append(canvas.paint(ctx, options.method, adapter=options.adapter, guidance=guidance))
        print(f"guidance {guidance:<11.1f}  {evaluator(painted[-1])}", flush=True)
    best = evaluator.shown(best_of(ctx, canvas, painted))
    print(f"{'best of them':20}  {evaluator.line(best)}", flush=True)
    for min_gain in options.min_gain or [ctx.settings.generation.min_gain]:
        print(f"feed, min. gain {min_gain:<4.2f}  {evaluator.feed(best, min_gain)}", flush=True)
