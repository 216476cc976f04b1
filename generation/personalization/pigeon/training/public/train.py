"""``coverlift train pigeon`` over public checkpoints: ``--stage reconstruct``, then ``align``.

The first can begin anew and moves all that is Pigeon's: queries, mask, connector and low-rank weights. The second goes
on from its folder and moves the low-rank weights and the connector.
"""

import json
import platform
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from conf.command_line import told
from conf.errors import UsageError
from conf.settings import Settings
from generation.alignment.guard import Guard, GuardSettings
from generation.alignment.run import align, take_best
from generation.diffusion.training.reader import Reader
from generation.personalization.icg.train import build_reward
from generation.personalization.pigeon.public.config import PigeonConfig
from generation.personalization.pigeon.public.model import PublicPigeon
from generation.personalization.pigeon.public.store import (
    base_fingerprints,
    load_pigeon,
    painting_fingerprint,
    save_pigeon,
)
from generation.personalization.pigeon.training.options import Part, PigeonTraining
from generation.personalization.pigeon.training.public.album import Album
from generation.personalization.pigeon.training.public.align import (
    LatentPairwise,
    LatentPairwiseSettings,
    aligned_parameters,
)
from generation.personalization.pigeon.training.public.clicked import Clicks
from generation.personalization.pigeon.training.public.painting import PublicPigeonPainting, Shown, read_shown
from generation.personalization.pigeon.training.public.pairs import LatentPairBook
from generation.personalization.pigeon.training.public.reconstruct import (
    Reconstruct,
    ReconstructSettings,
    ReconstructWatch,
    TaskSampler,
)
from generation.personalization.training.painting import WorldBatch
from generation.personalization.training.rewarding import Watch
from generation.personalization.training.world import Audience, Items, Sampler
from generation.rewards.candidates import CandidateScorer
from generation.training_state import same_run
from generation.types import SIZE
from jobs.lake.context import Context
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import ImageEncoder

WATCHED = 8
"""Clicks of validation users that are measured and painted again at every look."""
WATCHED_ITEMS = 8
BETA = 5000.0
"""Of the preference loss over all timesteps."""
BUILT_IN = ("beneath", "base", "simulated", "asks", "bends", "others")
"""Options that only the training over the built-in generator has."""


def train_public(ctx: Context, options: PigeonTraining) -> None:
    """Train or resume a part, then save what its best look had.

    Raises
    ------
    UsageError
        A part or an option that there is not over public checkpoints; checkpoints or a start that cannot be used; a
        work folder of another run; a night without what the part learns from.
    """
    check_options(options)
    settings = ctx.settings
    out = options.out or place_of(settings)
    model, began = model_of(settings, options)
    about: dict[str, Any] = {
        "stage": options.stage,
        "bases": base_fingerprints(model),
        "pigeon": model.config.as_dict(),
        "canvas": settings.generation.square,
        "started_from": began,
        "rows": options.rows,
        "mask": options.mask,
        "ds": ctx.ds.isoformat(),
        **(_about_pairs(settings, options) if options.stage == "align" else {}),
    }
    same_run(options.work, about)
    part = (align_part if options.stage == "align" else reconstruct_part)(ctx, model, options)
    outcome = align(part.tuner, part.learn, part.look, Guard(GuardSettings()), options.run, options.work, say=_say)
    facts = {
        "command": told("coverlift train pigeon", options),
        "hardware": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
        "date": options.date,
        "data": f"the night of {ctx.ds} from the source {settings.ingest.source}: training users and items",
        **about,
        "outcome": outcome,
    }
    save_pigeon(model, out, {**facts, "validation": take_best(part.tuner.parameters, options.work)})
    print(outcome)


def _about_pairs(settings: Settings, options: PigeonTraining) -> dict[str, Any]:
    generation = settings.generation
    return {
        "pairs": options.pairs,
        "draws": options.draws,
        "beta": BETA if options.beta is None else options.beta,
        "weights": settings.weights.model_dump(),
        "steps": generation.steps,
        "guidance": generation.guidance,
    }


def _say(text: str) -> None:
    print(text, flush=True)


def check_options(options: PigeonTraining) -> None:
    """Raise a UsageError for a part or an option that only the training over the built-in generator has."""
    if options.stage == "taste":
        raise UsageError(
            "--stage taste trains the built-in network: over public checkpoints begin with --stage reconstruct, or "
            "leave out pigeon.mllm"
        )
    defaults = {each.name: each.default for each in fields(options)}
    given = next((name for name in BUILT_IN if getattr(options, name) != defaults[name]), None)
    if given is not None:
        raise UsageError(f"--{given} is of the training over the built-in generator: leave it out")


def place_of(settings: Settings) -> Path:
    """Where the night looks for what is trained; the built-in network's folder is not for another kind of model."""
    folder = settings.generation.adapter_folders.get("pigeon")
    if folder is None:
        raise UsageError(
            "generation.adapters names no folder of pigeon for a model over public checkpoints: set it, or give --out"
        )
    return Path(folder)


def model_of(settings: Settings, options: PigeonTraining) -> tuple[PublicPigeon, dict[str, Any]]:
    """The model that training begins with, on the GPU if there is one, and what is known of where it comes from.

    Raises
    ------
    UsageError
        ``align`` without a start, or checkpoints or a start that cannot be used.
    """
    if options.start is None and options.stage == "align":
        raise UsageError("--stage align goes on from an earlier part: name its folder with --start")
    torch.manual_seed(options.tune.seed)
    config = PigeonConfig.of(settings.pigeon)
    if options.mask_ratio is not None:
        config = config.model_copy(update={"mask_ratio": options.mask_ratio})
    try:
        model = load_pigeon(options.start) if options.start else PublicPigeon.load_bases(config)
    except (FileNotFoundError, ValueError) as unusable:
        raise UsageError(str(unusable)) from None
    if model.config.model_copy(update={"mask_ratio": config.mask_ratio}) != config:
        raise UsageError(
            f"{options.start} has another configuration than the section pigeon: give the one in its config.json"
        )
    model.config = config
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    return model, {} if options.start is None else _told_of(options.start)


def _told_of(folder: Path) -> dict[str, Any]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    kept = ("command", "date", "hardware", "stage", "outcome", "validation", "started_from")
    told_before = {name: manifest[name] for name in kept if name in manifest}
    return {"fingerprint": painting_fingerprint(folder), **told_before}


def reconstruct_part(ctx: Context, model: PublicPigeon, options: PigeonTraining) -> Part:
    """Clicked covers painted again."""
    settings = ReconstructSettings(
        **{**vars(options.tune), "sampler_steps": 1}, rows=options.rows, steps=options.run.steps, mask=options.mask
    )
    album, generation = Album(ctx.images), ctx.settings.generation
    tasks, watched = (
        TaskSampler(model, Clicks.read(ctx, split), album, canvas=generation.square, settings=settings)
        for split in ("train", "validation")
    )
    tuner = Reconstruct(model, model.trainable(), settings)
    look = ReconstructWatch(tuner, watched, rows=WATCHED, steps=generation.steps)
    return Part(tuner=tuner, learn=lambda: tuner.learn(tasks.draw), look=look)


def align_part(ctx: Context, model: PublicPigeon, options: PigeonTraining) -> Part:
    """Pairs of its own pictures."""
    scorer, audience, generation = CandidateScorer(ctx), Audience.read(ctx, "train"), ctx.settings.generation
    shown, album = read_shown(ctx, audience), Album(ctx.images)
    audience = of_whom_clicks_are_known(audience, shown)
    readers = [Reader.load(path) for path in options.readers]
    reward = build_reward(ctx, scorer, audience.users, readers=readers, recognised=options.recognised)
    painting = PublicPigeonPainting(model, shown, album, canvas=generation.square, guidance=generation.mean_guidance)
    sampler = Sampler(Items.read(ctx, scorer.encoders, "train"), audience, rows=options.rows, seed=options.tune.seed)
    judged = by_clicked(scorer.encoders.image, shown, album) if options.pairs == "history" else _worth_of(reward)
    book = LatentPairBook(
        painting,
        sampler,
        judged,
        options.draws,
        options.work / "pairs",
        steps=generation.steps,
        canvas=generation.square,
        say=_say,
    )
    beta = BETA if options.beta is None else options.beta
    tune = LatentPairwiseSettings(**{**vars(options.tune), "sampler_steps": 1}, beta=beta)
    tuner = LatentPairwise(model, aligned_parameters(model), tune)
    watched = Items.read(ctx, scorer.encoders, "validation", limit=WATCHED_ITEMS)
    watch = Watch(
        painting, reward, watched, audience, PicturePack.load(), steps=generation.steps, autocast=tuner.autocast
    )
    return Part(
        tuner=tuner,
        learn=lambda: tuner.learn(lambda key: book.draw(key, max(1, options.rows // 2), options.tune.seed)),
        look=watch,
    )


def of_whom_clicks_are_known(audience: Audience, shown: Shown) -> Audience:
    """Those of an audience for whom covers stand.

    Raises
    ------
    UsageError
        No segment is left.
    """
    known = replace(
        audience,
        segments=tuple(name for name in audience.segments if name in shown),
        users=tuple(name for name in audience.users if name in shown),
    )
    if not known.segments or not known.users:
        raise UsageError("no segment or no training user clicked a cover in 28 days: there are no pairs to paint for")
    return known


def by_clicked(encoder: ImageEncoder, shown: Shown, album: Album) -> Callable[[Tensor, WorldBatch], Tensor]:
    """The paper's rule: mean cosine of a picture's style to the clicked covers, masked or not.

    Parameters
    ----------
    encoder
        The aligned encoder.
    shown, album
        Which covers stand for whom, and their pictures.
    """

    @torch.no_grad()
    def worth(pixels: Tensor, batch: WorldBatch) -> Tensor:
        style = encoder(pixels).style
        found = []
        for row, name in enumerate(batch.whom):
            covers = album.canvas(shown[name], SIZE)
            found.append((encoder(covers).style @ style[row]).mean())
        return torch.stack(found)

    return worth


def _worth_of(reward: Any) -> Callable[[Tensor, WorldBatch], Tensor]:
    def worth(pixels: Tensor, batch: WorldBatch) -> Tensor:
        found: Tensor = reward(pixels, batch).total.float()
        return found

    return worth
