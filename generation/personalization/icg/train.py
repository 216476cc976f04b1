"""Train ICG by rewards alone: ``coverlift train icg``.

The built-in adapter, or with ``--profile icg-production`` (``icg.mllm``) a model over public checkpoints.
Over the tables of a finished night: items that are not held out, its segments and users, and its
reward model. No label and no target picture is used. Killed at any time, or ended by
``--minutes``, the same command goes on from its last checkpoint.
"""

import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from conf.command_line import told
from conf.errors import UsageError
from conf.settings import Settings
from generation.alignment.draft import Draft, DraftSettings
from generation.alignment.guard import Guard, GuardSettings
from generation.alignment.policy_gradient import PolicyGradient, PolicySettings
from generation.alignment.run import RunSettings, align, take_best
from generation.alignment.tuner import TuneSettings
from generation.diffusion.training.data import load_drawings
from generation.diffusion.training.reader import Reader, augmented
from generation.personalization.icg.checkpoint import SHIPPED
from generation.personalization.icg.trainees import Trainee, trainee_of
from generation.personalization.training.painting import WorldBatch
from generation.personalization.training.reader_reward import ReadReward, Tastes, mean_styles
from generation.personalization.training.rewarding import Moved, ScoredReward, Watch, WorldReward
from generation.personalization.training.world import Audience, Items, Sampler
from generation.rewards.candidates import CandidateScorer
from generation.rewards.personal import PairProbability, Personal
from generation.rewards.registry import Ingredients, build_panel
from generation.training_state import same_run
from jobs.lake.context import Context
from jobs.stickers.pack import PicturePack
from reward_model.gradient import ClickGradient
from reward_model.scorer import PersonalScorer

WATCHED_ITEMS = 24


TASTED_ITEMS = 16
"""Real covers whose items' clicks say what a family is worth to somebody."""


def build_reward(
    ctx: Context,
    scorer: CandidateScorer,
    users: tuple[str, ...],
    *,
    differentiable: bool = True,
    readers: Sequence[Reader] = (),
    recognised: float = 0.0,
    clicks_of: Callable[[ClickGradient], PairProbability] = lambda clicks: clicks,
) -> WorldReward | ScoredReward | ReadReward:
    """The night's panel as of ds, in its differentiable form or as candidates are scored.

    Parameters
    ----------
    ctx
        The night.
    scorer
        Gives the encoders and the real covers that rewards are normalised on.
    users
        Who may be painted for beside the segments.
    readers, recognised
        With readers, as they see pictures: see :mod:`generation.personalization.training.reader_reward`.
    clicks_of
        What the click model says of others than segments and users, where there are any.

    Raises
    ------
    UsageError
        Readers without gradients.
    """
    if readers and not differentiable:
        raise UsageError("--readers need gradients: give --kind draft or refl")
    model = PersonalScorer.of_champion(ctx, ctx.ds)
    clicks = ClickGradient(model, users) if differentiable else None
    given = Ingredients(
        reference=scorer.real_covers(ctx.ds),
        personal=Personal(model, clicks and clicks_of(clicks)),
        models=ctx.settings.reward_models,
        differentiable=differentiable,
    )
    weights, encoder = ctx.settings.weights, scorer.encoders.image
    if clicks is None:
        return ScoredReward(build_panel(weights, given), scorer)
    if not readers:
        return WorldReward(build_panel(weights, given), encoder)
    styles = mean_styles(load_drawings(PicturePack.load(), scorer.encoders, "train"))
    real = given.reference
    tastes = Tastes(
        clicks, styles, real.item_ids[:TASTED_ITEMS], torch.from_numpy(real.reference_embeddings[:TASTED_ITEMS])
    )
    others = build_panel(weights.model_copy(update={"personal": 0.0}), given)
    return ReadReward(others, tastes, encoder, readers, personal=weights.personal, recognised=recognised)


def train(
    ctx: Context,
    tune: DraftSettings | PolicySettings,
    run: RunSettings,
    *,
    work: Path,
    out: Path,
    facts: dict[str, Any],
    lora_rank: int = 0,
    lora_layers: str = "attention",
    start: Path | None = None,
    rows: int = 16,
    personal: bool = True,
    readers: Sequence[Path] = (),
    recognised: float = 0.0,
    say: Callable[[str], None] = print,
) -> str:
    """Train or resume, then ship the best look's averaged weights; returns how it ended.

    Parameters
    ----------
    ctx
        A finished night.
    tune, run
        How to climb, by backpropagation or by policy gradients, and how long.
    work, out
        Checkpoints and sheets; the shipped adapter.
    facts
        Further contents of the manifest.
    lora_rank
        Of the generator's LoRA; 0 leaves the generator frozen.
    lora_layers
        Key of ``LAYERS``.
    start
        Adapter to go on from, with the same low-rank layers; the regularisation holds near it.
    rows
        Of a batch.
    personal
        False tells nothing of whom a picture is for, which is for ablations.
    readers
        Files of readers of drawings to see through, see :mod:`generation.personalization.training.reader_reward`.
    recognised
        Weight of what they say of the subject.

    Raises
    ------
    UsageError
        ``work`` belongs to another run.
    """
    trainee = trainee_of(ctx.settings, seed=tune.seed, lora_rank=lora_rank, lora_layers=lora_layers, start=start)
    about = {
        **trainee.about,
        "weights": ctx.settings.weights.model_dump(),
        "guidance": ctx.settings.generation.guidance,
        "rows": rows,
        "personal": personal,
        "readers": [hashlib.sha256(path.read_bytes()).hexdigest() for path in readers],
        "recognised": recognised,
        "ds": ctx.ds.isoformat(),
    }
    same_run(work, about)
    scorer = CandidateScorer(ctx)
    audience = Audience.read(ctx, "train")
    audience = audience if personal else audience.unknown()
    differentiable = isinstance(tune, DraftSettings)
    reward = build_reward(
        ctx,
        scorer,
        audience.users,
        differentiable=differentiable,
        readers=[Reader.load(path) for path in readers],
        recognised=recognised,
    )
    items = Items.read(ctx, scorer.encoders, "train")
    painting, parameters, shape = trainee.painting, trainee.parameters, trainee.painting.shape
    tuner: Draft[WorldBatch, Any] | PolicyGradient[WorldBatch, Any]
    if isinstance(tune, PolicySettings):
        tuner = PolicyGradient(painting, parameters, reward, shape=shape, settings=tune)
        sampler = Sampler(items, audience, rows=rows, seed=tune.seed, user_share=0.0, each=tune.group)
    else:
        seeing = Moved(reward, augmented if readers else None)
        tuner = Draft(painting, parameters, seeing, shape=shape, settings=tune)
        sampler = Sampler(items, audience, rows=rows, seed=tune.seed)
    watched = Items.read(ctx, scorer.encoders, "validation", limit=WATCHED_ITEMS)
    pack, steps = PicturePack.load(), tune.sampler_steps
    watch = Watch(painting, reward, watched, audience, pack, steps=steps, autocast=tuner.autocast)
    outcome = align(tuner, lambda: tuner.learn(sampler.draw), watch, Guard(GuardSettings()), run, work, say=say)
    ship_best(trainee, work, out, {**facts, **about, "outcome": outcome, "tune": asdict(tune)})
    return outcome


def ship_best(trainee: Trainee, work: Path, out: Path, facts: dict[str, Any]) -> None:
    """Ship the averaged weights of a run's best look, with what it and the start showed."""
    shown = take_best(trainee.parameters, work)
    trainee.ship(out, {**facts, "validation": shown})


@dataclass(frozen=True, kw_only=True)
class ThroughReaders:
    """Options of commands that train through readers of drawings."""

    readers: tuple[Path, ...] = ()
    """Readers of drawings to see through."""
    recognised: float = 1.0
    """Weight of what readers say of the subject."""


@dataclass(frozen=True, kw_only=True)
class IcgTraining(ThroughReaders):
    """Options of :func:`train_icg`."""

    date: str
    """Day of the training, for the manifest: YYYY-MM-DD."""
    out: Path | None = None
    """Folder of the adapter; None: what ships, or of public checkpoints what generation.icg names."""
    work: Path = Path("var/icg")
    """Folder of checkpoints and sample sheets."""
    start: Path | None = None
    """Adapter to go on from, with the same low-rank layers."""
    rows: int = 16
    """Pictures a step."""
    kind: Literal["draft", "refl", "policy"] = "draft"
    """How to climb: reward backpropagation in two forms, or policy gradients."""
    last_steps: int = DraftSettings.last_steps
    """Denoising steps with gradients."""
    group: int = 4
    """Pictures of a row that policy gradients compare."""
    lora_rank: int = 0
    """Of the generator's low-rank layers; 0 leaves it frozen."""
    lora_layers: Literal["attention", "all"] = "attention"
    """What of it they tune."""
    threads: int = 1
    """CPU threads."""
    run: RunSettings = field(default=RunSettings(steps=600))
    tune: TuneSettings = field(
        default=TuneSettings(learning_rate=3e-4, regularisation=1.0), metadata={"fixed": ("sampler_steps",)}
    )


def tune_settings(options: IcgTraining, steps: int) -> DraftSettings | PolicySettings:
    """How to climb; policy gradients need a step that is drawn at random, so at least two."""
    common = {**asdict(options.tune), "sampler_steps": steps}
    if options.kind == "policy":
        return PolicySettings(**{**common, "sampler_steps": max(2, steps)}, group=options.group)
    return DraftSettings(**common, kind=options.kind, last_steps=options.last_steps)


def place_of(settings: Settings) -> Path:
    """Where the night looks for what is trained; the built-in adapter's folder is not for another kind of model."""
    if settings.icg.mllm is None:
        return SHIPPED
    if settings.generation.icg is None:
        raise UsageError("generation.icg names no folder for a model over public checkpoints: set it, or give --out")
    return Path(settings.generation.icg)


def train_icg(ctx: Context, options: IcgTraining) -> None:
    """Train or resume, then ship the adapter."""
    torch.set_num_threads(options.threads)
    settings = ctx.settings
    facts = {
        "command": told("coverlift train icg", options),
        "hardware": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
        "date": options.date,
        "data": f"the night of {ctx.ds} from the source {settings.ingest.source}: items that are not held out, "
        "its segments and users, its reward model",
    }
    outcome = train(
        ctx,
        tune_settings(options, settings.generation.steps),
        options.run,
        work=options.work,
        out=options.out or place_of(settings),
        facts=facts,
        lora_rank=options.lora_rank,
        lora_layers=options.lora_layers,
        start=options.start,
        rows=options.rows,
        readers=options.readers,
        recognised=options.recognised,
        say=lambda text: print(text, flush=True),
    )
    print(outcome)
