"""Train Pigeon: ``coverlift train pigeon --stage taste``, then ``reconstruct``, then ``align``.

Over the tables of a finished night, whose histories of segments are built (``features.segment_history``; the settings
of a night by this method build them). Each part goes on from the folder that the one before wrote (``--start``), and
moves only its own weights. Killed at any time, or ended by ``--minutes``, the same command goes on from its last
checkpoint. With ``--profile pigeon-production`` (``pigeon.mllm``) the last two parts train a model over public
checkpoints (:mod:`generation.personalization.pigeon.training.public.train`).
"""

import json
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from conf.command_line import told
from conf.errors import UsageError
from generation.alignment.guard import Guard, GuardSettings
from generation.alignment.monitor import drawings_of
from generation.alignment.pairwise import Pairwise, PairwiseSettings
from generation.alignment.run import align, take_best
from generation.alignment.tuner import Tuner
from generation.diffusion.painter import Painter
from generation.diffusion.training.data import Bends
from generation.diffusion.training.losses import PerceptualLoss
from generation.diffusion.training.reader import Reader
from generation.personalization.icg.checkpoint import SHIPPED as ICG_SHIPPED
from generation.personalization.icg.checkpoint import icg_fingerprint, ship
from generation.personalization.icg.train import build_reward
from generation.personalization.pigeon.checkpoint import SHIPPED, pigeon_fingerprint, read_pigeon
from generation.personalization.pigeon.opening import beneath_of
from generation.personalization.pigeon.personal import BuiltinPigeon, fresh
from generation.personalization.pigeon.training.clicked_pairs import ClickedPairs
from generation.personalization.pigeon.training.clicks import clicked_drawings, titles_of
from generation.personalization.pigeon.training.drawings import drawings_of_night, family_styles
from generation.personalization.pigeon.training.logged import Logged
from generation.personalization.pigeon.training.options import Part, PigeonTraining
from generation.personalization.pigeon.training.painting import (
    HistoryBatch,
    HistorySampler,
    PigeonPainting,
    painting_parameters,
    read_histories,
)
from generation.personalization.pigeon.training.pairs import PairBook, by_history
from generation.personalization.pigeon.training.public.train import train_public
from generation.personalization.pigeon.training.reconstruct import (
    Reconstruct,
    ReconstructSettings,
    ReconstructWatch,
    TaskSampler,
)
from generation.personalization.pigeon.training.simulated import Crowd
from generation.personalization.pigeon.training.taste import TasteSettings, TasteTuner, TasteWatch, begin_with
from generation.personalization.training.rewarding import Watch
from generation.personalization.training.world import Audience, Items, Sampler
from generation.rewards.candidates import CandidateScorer
from generation.training_state import same_run
from jobs.lake.context import Context
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import ImageEncoder

WATCHED = 36
"""Rows of validation subjects that are painted again at every look."""
WATCHED_ITEMS = 24
BETA = 1000.0
"""Of the preference loss at the one distilled step."""


def train_pigeon(ctx: Context, options: PigeonTraining) -> None:
    """Train or resume a part, then ship what its best look had."""
    torch.set_num_threads(options.threads)
    if ctx.settings.pigeon.mllm is not None:
        train_public(ctx, options)
        return
    painter = Painter.load()
    pigeon, began = pigeon_of(painter, options)
    about: dict[str, Any] = {
        "stage": options.stage,
        "pigeon": {name: value for name, value in pigeon.config.items() if not name.startswith("_")},
        "started_from": began,
        "simulated": options.simulated,
        "mask": options.mask,
        "asks": options.asks if options.stage == "reconstruct" else "",
        "pairs": options.pairs if options.stage == "align" else "",
        "others": options.others if options.stage == "align" else 0,
        "beta": _beta(options) if options.stage == "align" else 0.0,
        "ds": ctx.ds.isoformat(),
    }
    same_run(options.work, about)
    part = {"taste": taste_part, "reconstruct": reconstruct_part, "align": align_part}[options.stage](
        ctx, painter, pigeon, options
    )
    outcome = align(part.tuner, part.learn, part.look, Guard(GuardSettings()), options.run, options.work, say=_say)
    facts = {
        "command": told("coverlift train pigeon", options),
        "hardware": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
        "date": options.date,
        "data": f"the night of {ctx.ds} from the source {ctx.settings.ingest.source}: training users and items",
        **about,
        "outcome": outcome,
    }
    ship_best(part.tuner, pigeon, options.work, options.out or SHIPPED, painter.fingerprint, facts)
    print(outcome)


def _beta(options: PigeonTraining) -> float:
    return BETA if options.beta is None else options.beta


def _say(text: str) -> None:
    print(text, flush=True)


def pigeon_of(painter: Painter, options: PigeonTraining) -> tuple[BuiltinPigeon, dict[str, Any]]:
    """The network that training begins with, and what is known of where it comes from.

    Raises
    ------
    UsageError
        A later part without a start, or weights of another generator.
    """
    if options.start is None:
        if options.stage != "taste":
            raise UsageError(f"--stage {options.stage} goes on from an earlier part: name its folder with --start")
        through = icg_fingerprint(ICG_SHIPPED, painter.fingerprint) if options.beneath == "icg" else ""
        ratio = options.mask_ratio or 0.0
        pigeon = fresh(
            painter.conditioning, seed=options.tune.seed, mask_ratio=ratio, kind=options.base, painted_by=through
        )
        return pigeon, {}
    fingerprint = pigeon_fingerprint(options.start, painter.fingerprint)
    pigeon = read_pigeon(options.start)
    if options.mask_ratio is not None:
        pigeon.register_to_config(mask_ratio=options.mask_ratio)
    manifest = json.loads((options.start / "manifest.json").read_text(encoding="utf-8"))
    kept = ("command", "date", "hardware", "stage", "outcome", "validation", "started_from")
    return pigeon, {"fingerprint": fingerprint, **{name: manifest[name] for name in kept if name in manifest}}


def ship_best(
    tuner: Tuner, pigeon: BuiltinPigeon, work: Path, out: Path, generator: str, facts: dict[str, Any]
) -> None:
    """Write the averaged weights of the best look."""
    shown = take_best(tuner.parameters, work)
    ship(pigeon, {}, out, generator, {**facts, "validation": shown})


def taste_part(ctx: Context, painter: Painter, pigeon: BuiltinPigeon, options: PigeonTraining) -> Part:
    """At the level of vectors."""
    drawings = drawings_of_night(ctx, PicturePack.load(), "train")
    if options.start is None:
        begin_with(pigeon, drawings.look[:, pigeon.config.embedding_dim :], options.tune.seed)
    settings = TasteSettings(
        **{**vars(options.tune), "sampler_steps": 1},
        rows=options.rows,
        simulated=options.simulated,
        steps=options.run.steps,
        mask=options.mask,
    )
    tuner = TasteTuner(
        pigeon,
        Logged.read(ctx, "train"),
        Crowd(drawings, options.tune.seed),
        torch.from_numpy(family_styles(drawings)),
        settings,
    )
    return Part(tuner=tuner, learn=tuner.learn, look=TasteWatch(tuner, Logged.read(ctx, "validation")))


def painting_of(ctx: Context, painter: Painter, pigeon: BuiltinPigeon) -> PigeonPainting:
    """Pigeon over what paints beneath it, at the guidance of the night."""
    speaks, unet = beneath_of(pigeon, painter.unet, painter.conditioning, painter.fingerprint)
    guidance = ctx.settings.generation.mean_guidance
    return PigeonPainting(pigeon, speaks, unet, guidance=guidance, device=painter.device)


def reconstruct_part(ctx: Context, painter: Painter, pigeon: BuiltinPigeon, options: PigeonTraining) -> Part:
    """Drawings painted again."""
    scorer, pack, settings = CandidateScorer(ctx), PicturePack.load(), reconstruct_settings(options)
    backbone = scorer.encoders.image.backbone
    tasks = task_sampler(ctx, scorer, "train", options, options.tune.seed)
    watched = task_sampler(ctx, scorer, "validation", options, 0)
    painting = painting_of(ctx, painter, pigeon)
    perceptual, style = PerceptualLoss(backbone), _style_of(scorer.encoders.image)
    tuner = Reconstruct(painting, painting_parameters(pigeon), perceptual, style, settings)
    task = tasks_of(watched, WATCHED)
    drawn, present = drawings_of(pack, task.batch.item_ids)
    look = ReconstructWatch(tuner, task, drawn, present)
    return Part(tuner=tuner, learn=lambda: tuner.learn(tasks.draw), look=look)


def reconstruct_settings(options: PigeonTraining) -> ReconstructSettings:
    """What the second part decides."""
    return ReconstructSettings(
        **{**vars(options.tune), "sampler_steps": 1},
        rows=options.rows,
        simulated=min(1.0, options.simulated / 2),
        asks=options.asks,
    )


def task_sampler(
    ctx: Context, scorer: CandidateScorer, split: Literal["train", "validation"], options: PigeonTraining, seed: int
) -> TaskSampler:
    """Clicks of a split; drawings of training subjects are bent where ``options.bends`` says how."""
    pack = PicturePack.load()
    drawings = drawings_of_night(ctx, pack, split)
    bends = Bends(drawings, options.bends) if options.bends is not None and split == "train" else None
    logged = Logged.read(ctx, split, split)
    return TaskSampler(
        drawings,
        titles_of(pack, drawings, scorer.encoders),
        logged.history,
        logged.preference,
        clicked_drawings(logged, drawings, pack),
        Crowd(drawings, seed),
        bends,
        scorer.encoders.image.backbone,
        reconstruct_settings(options),
    )


def _style_of(encoder: ImageEncoder) -> Callable[[Tensor], Tensor]:
    def style(pixels: Tensor) -> Tensor:
        found: Tensor = encoder(pixels).style
        return found

    return style


def tasks_of(sampler: TaskSampler, rows: int) -> Any:
    """Fixed rows: the first draws of a sampler, joined."""
    wide = replace(sampler.settings, rows=rows)
    return TaskSampler(
        sampler.drawings, sampler.text, sampler.histories, sampler.preferences, sampler.clicked, sampler.crowd,
        sampler.bends, sampler.backbone, wide,
    ).draw(0)  # fmt: skip


def align_part(ctx: Context, painter: Painter, pigeon: BuiltinPigeon, options: PigeonTraining) -> Part:
    """Pairs of its own pictures."""
    scorer = CandidateScorer(ctx)
    audience = Audience.read(ctx, "train")
    histories = read_histories(ctx, audience)
    readers = [Reader.load(path) for path in options.readers]
    reward = build_reward(ctx, scorer, audience.users, readers=readers, recognised=options.recognised)
    painting = painting_of(ctx, painter, pigeon)
    items = Items.read(ctx, scorer.encoders, "train")
    sampler = HistorySampler(Sampler(items, audience, rows=options.rows, seed=options.tune.seed), histories)
    book: PairBook | ClickedPairs
    if options.pairs == "clicks":
        book = ClickedPairs(task_sampler(ctx, scorer, "train", options, options.tune.seed), painting.shape)
    else:
        judged = by_history(scorer.encoders.image) if options.pairs == "history" else _worth_of(reward)
        book = PairBook(painting, sampler, judged, options.draws, _say, others=options.others)
        _say(f"{len(book.kept)} pairs, whose pictures differ by a mean square of {book.apart():.1e}")
    settings = PairwiseSettings(**{**vars(options.tune), "sampler_steps": 1}, beta=_beta(options))
    parameters: dict[str, nn.Parameter] = painting_parameters(pigeon)
    tuner: Pairwise[HistoryBatch, Any] = Pairwise(painting, parameters, settings)
    watched = Items.read(ctx, scorer.encoders, "validation", limit=WATCHED_ITEMS)
    watch = Watch(painting, reward, watched, audience, PicturePack.load(), steps=1, autocast=tuner.autocast)
    unmasked = np.zeros(len(watch.batch))
    watch.batch = sampler.told(watch.batch, unmasked, unmasked, np.random.default_rng(0))
    half = max(2, options.rows // 2)
    return Part(
        tuner=tuner,
        learn=lambda: tuner.learn(lambda key: book.draw(key, half, options.tune.seed)),
        look=watch,
    )


def _worth_of(reward: Any) -> Callable[[Tensor, HistoryBatch], Tensor]:
    def worth(pixels: Tensor, batch: HistoryBatch) -> Tensor:
        found: Tensor = reward(pixels, batch).total.float()
        return found

    return worth
