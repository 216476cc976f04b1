"""Train what codes do to a picture: ``coverlift train dppmg-pictures``.

The tables start where codes stand for the mean preference of who holds them
(:mod:`generation.personalization.dppmg.pictures.inject`), painted by ICG or by the generator itself; or, with
``--profile dppmg-production`` (``dppmg.generator``), at zero beside the prompt of a public pipeline. From there they
climb the rewards of ICG's training by backpropagation through the one step (DRaFT-1), over the generator with low-rank
weights of the keys and values of cross-attention where these are asked for, and nothing else moves. Painted for are the
night's segments, the first codes, each with the mean taste of its training users, and single training users by all
their codes. Killed at any time, or ended by ``--minutes``, the same command goes on.
"""

import copy
import hashlib
import platform
import shutil
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from conf.command_line import told
from conf.errors import UsageError
from conf.settings import Settings
from generation.alignment.draft import Draft, DraftSettings
from generation.alignment.guard import Guard, GuardSettings
from generation.alignment.run import RunSettings, align
from generation.alignment.tuner import TuneSettings
from generation.diffusion.painter import Painter
from generation.diffusion.training.reader import Reader, augmented
from generation.personalization.dppmg.graph import VISUAL
from generation.personalization.dppmg.pictures.checkpoint import RANK, add_low_rank, ship
from generation.personalization.dppmg.pictures.holders import CodeTastes, HolderClicks, Holders
from generation.personalization.dppmg.pictures.inject import preference_tables, start_tables
from generation.personalization.dppmg.pictures.painting import CodePainting, DecodedPainting
from generation.personalization.dppmg.pictures.public.config import PipelineConfig
from generation.personalization.dppmg.pictures.public.painting import CodedPipelinePainting
from generation.personalization.dppmg.pictures.public.store import base_fingerprints, base_of, save_pipeline
from generation.personalization.dppmg.preferences import FOLDER, SHIPPED, read_preferences
from generation.personalization.icg.checkpoint import SHIPPED as ICG_SHIPPED
from generation.personalization.icg.checkpoint import icg_fingerprint
from generation.personalization.icg.opening import open_beneath
from generation.personalization.icg.train import WATCHED_ITEMS, ThroughReaders, build_reward, ship_best
from generation.personalization.icg.trainees import Trainee
from generation.personalization.low_rank import lora_weights
from generation.personalization.training.reader_reward import ReadReward
from generation.personalization.training.rewarding import Moved, Watch, WorldReward
from generation.personalization.training.world import Items, Sampler
from generation.rewards.candidates import CandidateScorer
from generation.training_state import same_run
from jobs.lake.context import Context
from jobs.stickers.pack import PicturePack


@dataclass(frozen=True, kw_only=True)
class PictureTraining(ThroughReaders):
    """Options of :func:`train_pictures`."""

    date: str
    """Day of the training, for the manifest: YYYY-MM-DD."""
    out: Path | None = None
    """Folder of the method's weights; None: what ships."""
    preferences: Path | None = None
    """Folder whose quantiser tells the codes; None: what ships."""
    work: Path = Path("var/dppmg")
    """Folder of checkpoints and sample sheets."""
    rows: int = 16
    """Pictures a step."""
    beneath: Literal["icg", "generator"] = "icg"
    """What paints."""
    low_rank: bool = False
    """Whether keys and values of the generator's cross-attention are tuned beside the tables."""
    threads: int = 1
    """CPU threads."""
    run: RunSettings = field(default=RunSettings(steps=600))
    tune: TuneSettings = field(
        default=TuneSettings(learning_rate=2e-3, regularisation=1.0), metadata={"fixed": ("sampler_steps",)}
    )


def trainee_of(ctx: Context, options: PictureTraining, holders: Holders, quantiser: str) -> Trainee:
    """Tables in front of what paints, before training: a public pipeline where ``dppmg.generator`` names one.

    Raises
    ------
    UsageError
        Low-rank weights are asked for in the wrong place, or the pipeline is not here.
    """
    if ctx.settings.dppmg.generator is not None:
        return _over_pipeline(ctx.settings, options, holders, quantiser)
    generation = ctx.settings.generation
    painter = Painter.load(Path(generation.checkpoint) if generation.checkpoint else None)
    if options.beneath == "generator":
        return _over_generator(painter, options, holders, quantiser, generation.mean_guidance)
    if options.low_rank:
        raise UsageError("--low-rank tunes the generator's own layers: give --beneath generator with it")
    through = icg_fingerprint(ICG_SHIPPED, painter.fingerprint)
    icg = open_beneath("dppmg", through, painter.unet, painter.conditioning, painter.fingerprint)
    tables = preference_tables(holders.holdings())

    def write(folder: Path, facts: dict[str, object]) -> None:
        ship(tables, {}, folder, painter.fingerprint, facts, through=through)

    return Trainee(
        painting=DecodedPainting(painter, icg, tables, holders.told(), guidance=generation.mean_guidance),
        parameters={f"tables.{name}": weight for name, weight in tables.named_parameters()},
        about={"generator": painter.fingerprint, "quantiser": quantiser, "painted_by": through},
        ship=write,
    )


def _over_generator(
    painter: Painter, options: PictureTraining, holders: Holders, quantiser: str, guidance: float
) -> Trainee:
    tables, unet = start_tables(painter.conditioning, holders.holdings()), painter.unet
    if options.low_rank:
        torch.manual_seed(options.tune.seed)
        unet = copy.deepcopy(painter.unet)
        add_low_rank(unet)
    parameters = {f"tables.{name}": weight for name, weight in tables.named_parameters()}
    parameters |= {f"unet.{name}": weight for name, weight in lora_weights(unet).items()}

    def write(folder: Path, facts: dict[str, object]) -> None:
        ship(tables, lora_weights(unet), folder, painter.fingerprint, facts)

    return Trainee(
        painting=CodePainting(painter, unet, tables, holders.told(), guidance=guidance),
        parameters=parameters,
        about={"generator": painter.fingerprint, "quantiser": quantiser, "rank": RANK if options.low_rank else 0},
        ship=write,
    )


def _over_pipeline(settings: Settings, options: PictureTraining, holders: Holders, quantiser: str) -> Trainee:
    if options.low_rank:
        raise UsageError("over a public pipeline low-rank weights are set by dppmg.low_rank")
    torch.manual_seed(options.tune.seed)
    config, generation = PipelineConfig.of(settings.dppmg), settings.generation
    model = base_of(config).to("cuda" if torch.cuda.is_available() else "cpu")
    return Trainee(
        painting=CodedPipelinePainting(
            model,
            holders.told(),
            canvas=generation.square,
            steps=generation.steps,
            guidance=generation.mean_guidance,
        ),
        parameters=model.trainable(),
        about={
            "bases": base_fingerprints(model),
            "dppmg": config.model_dump(),
            "canvas": generation.square,
            "quantiser": quantiser,
        },
        ship=partial(save_pipeline, model),
    )


def place_of(settings: Settings) -> Path:
    """Where the night looks for what is trained; the built-in weights' folder is not for another kind of model."""
    if settings.dppmg.generator is None:
        return SHIPPED
    if "dppmg" not in settings.generation.adapters:
        raise UsageError("generation.adapters names no folder for dppmg over a public pipeline: set it, or give --out")
    return Path(settings.generation.adapters["dppmg"])


def train_pictures(ctx: Context, options: PictureTraining) -> None:
    """Train or resume, then ship the best look; without a step (``--steps 0``) the start itself is shipped.

    Raises
    ------
    UsageError
        No reader is given to the built-in generator's training, or ``--work`` belongs to another run.
    """
    torch.set_num_threads(options.threads)
    source, out = options.preferences or SHIPPED, options.out or place_of(ctx.settings)
    holders = Holders.read(ctx, source)
    trainee = trainee_of(ctx, options, holders, read_preferences(source, VISUAL).fingerprint)
    if source != out:
        shutil.copytree(source / FOLDER, out / FOLDER, dirs_exist_ok=True)
    facts = {
        "command": told("coverlift train dppmg-pictures", options),
        "date": options.date,
        "hardware": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
        "data": f"the night of {ctx.ds}: items and users that are not held out, its segments, its reward model",
        **trainee.about,
    }
    if not options.run.steps:
        trainee.ship(out, {**facts, "outcome": "the start, untrained"})
        return
    if not options.readers and ctx.settings.dppmg.generator is None:
        raise UsageError("--readers names no reader of drawings: train one with `coverlift train reader`")
    _climb(ctx, options, holders, trainee, out, facts)


def _climb(
    ctx: Context, options: PictureTraining, holders: Holders, trainee: Trainee, out: Path, facts: dict[str, object]
) -> None:
    settings = DraftSettings(**{**asdict(options.tune), "sampler_steps": ctx.settings.generation.steps})
    about = {
        **trainee.about,
        "weights": ctx.settings.weights.model_dump(),
        "guidance": ctx.settings.generation.guidance,
        "rows": options.rows,
        "readers": [hashlib.sha256(path.read_bytes()).hexdigest() for path in options.readers],
        "recognised": options.recognised,
        "ds": ctx.ds.isoformat(),
    }
    same_run(options.work, about)
    scorer, codes = CandidateScorer(ctx), holders.first_codes()
    users = tuple({*(user for each in codes.values() for user in each), *(holders.users[r] for r in holders.heavy())})
    readers = [Reader.load(path) for path in options.readers]
    reward = build_reward(
        ctx,
        scorer,
        users,
        readers=readers,
        recognised=options.recognised,
        clicks_of=partial(HolderClicks, holders=codes),
    )
    assert isinstance(reward, (ReadReward, WorldReward))
    if isinstance(reward, ReadReward):
        reward.tastes = CodeTastes(reward.tastes, codes)
    audience, items = holders.audience(), Items.read(ctx, scorer.encoders, "train")
    painting, seeing = trainee.painting, Moved(reward, augmented if readers else None)
    tuner = Draft(painting, trainee.parameters, seeing, shape=painting.shape, settings=settings)
    sampler = Sampler(items, audience, rows=options.rows, seed=settings.seed)
    watched = Items.read(ctx, scorer.encoders, "validation", limit=WATCHED_ITEMS)
    pack, steps = PicturePack.load(), settings.sampler_steps
    watch = Watch(painting, reward, watched, audience, pack, steps=steps, autocast=tuner.autocast)
    say = partial(print, flush=True)
    learn = partial(tuner.learn, sampler.draw)
    outcome = align(tuner, learn, watch, Guard(GuardSettings()), options.run, options.work, say=say)
    ship_best(trainee, options.work, out, {**facts, **about, "outcome": outcome, "tune": asdict(settings)})
    print(outcome)
