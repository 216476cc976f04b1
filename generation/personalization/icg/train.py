"""Train ICG by rewards alone: ``python -m generation.personalization.icg.train --home HOME``.

The built-in adapter, or with ``--profile icg-production`` (``icg.mllm``) a model over public checkpoints.
Over the tables of a finished night: items that are not held out, its segments and users, and its
reward model. No label and no target picture is used. Killed at any time, or ended by
``--minutes``, the same command goes on from its last checkpoint.
"""

import argparse
import hashlib
import json
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from conf.errors import CoverliftError, UsageError
from conf.load import load_settings
from conf.settings import Settings
from generation.alignment.draft import Draft, DraftSettings
from generation.alignment.guard import Guard, GuardSettings
from generation.alignment.policy_gradient import PolicyGradient, PolicySettings
from generation.alignment.run import RunSettings, align, read_looks
from generation.alignment.tuner import step_of
from generation.diffusion.training.data import load_drawings
from generation.diffusion.training.reader import Reader, augmented
from generation.personalization.icg.checkpoint import LAYERS, SHIPPED
from generation.personalization.icg.trainees import Trainee, trainee_of
from generation.personalization.training.painting import WorldBatch
from generation.personalization.training.reader_reward import ReadReward, Tastes, mean_styles
from generation.personalization.training.rewarding import Moved, ScoredReward, Watch, WorldReward
from generation.personalization.training.world import Audience, Items, Sampler
from generation.rewards.candidates import CandidateScorer
from generation.rewards.personal import Personal
from generation.rewards.registry import Ingredients, build_panel
from generation.training_state import part_of
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
        personal=Personal(model, clicks),
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
    _same_run(work, about)
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
    _ship_best(trainee, work, out, {**facts, **about, "outcome": outcome, "tune": asdict(tune)})
    return outcome


def _same_run(work: Path, about: dict[str, Any]) -> None:
    """Remember what a work folder is for, and refuse another run's."""
    file, told = work / "about.json", json.dumps(about)
    if file.is_file() and file.read_text(encoding="utf-8") != told:
        raise UsageError(f"{work} belongs to another run (see {file}): delete it, or give another --work")
    work.mkdir(parents=True, exist_ok=True)
    file.write_text(told, encoding="utf-8")


def _ship_best(trainee: Trainee, work: Path, out: Path, facts: dict[str, Any]) -> None:
    file = work / "best.safetensors"
    best, told = part_of(load_file(file), "average."), (0, step_of(file))
    with torch.no_grad():
        for name, weight in trainee.parameters.items():
            weight.copy_(best[name])
    shown = [
        {
            "step": each.step,
            "reward": float(each.reward.mean()),
            "monitor": float(each.monitor.mean()),
            "diversity": each.diversity,
        }
        for each in read_looks(work)
        if each.step in told
    ]
    trainee.ship(out, {**facts, "validation": shown})


def readers_options(parser: argparse.ArgumentParser) -> None:
    """Options of commands that train through readers of drawings."""
    parser.add_argument("--readers", type=Path, nargs="*", default=[], help="readers of drawings to see through")
    parser.add_argument("--recognised", type=float, default=1.0, help="weight of what readers say of the subject")


def told_readers(arguments: argparse.Namespace) -> list[str]:
    """The same options as they were given, files by their names."""
    names = [path.name for path in arguments.readers]
    return ["--readers", *names, f"--recognised {arguments.recognised}"] if names else []


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="home of a night that has trained its reward model")
    parser.add_argument("--ds", type=date.fromisoformat, help="the night; default: of the settings")
    parser.add_argument("--date", required=True, help="day of the training, for the manifest: YYYY-MM-DD")
    parser.add_argument("--out", type=Path, help="default: what ships; of public checkpoints, generation.icg")
    parser.add_argument("--start", type=Path, help="adapter to go on from, with the same low-rank layers")
    parser.add_argument("--seed", type=int, default=DraftSettings().seed, help="of weights, noise and batches")
    parser.add_argument("--work", type=Path, default=Path("var/icg"), help="checkpoints and sample sheets")
    parser.add_argument("--minutes", type=float, help="end this start after so long; the same command goes on")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--every", type=int, default=25, help="steps between looks")
    parser.add_argument("--patience", type=int, help="looks without a better one before the learning rate is halved")
    parser.add_argument("--rows", type=int, default=16, help="pictures a step")
    parser.add_argument("--last-steps", type=int, default=1, help="denoising steps with gradients")
    parser.add_argument("--kind", choices=("draft", "refl", "policy"), default="draft")
    parser.add_argument("--group", type=int, default=4, help="pictures of a row that policy gradients compare")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--regularisation", type=float, default=1.0)
    parser.add_argument("--lora-rank", type=int, default=0, help="tune the generator too; 0 leaves it frozen")
    parser.add_argument("--lora-layers", choices=sorted(LAYERS), default="attention", help="what of it LoRA tunes")
    parser.add_argument("--bf16", action="store_true", help="compute in bfloat16 where the hardware multiplies it")
    parser.add_argument("--checkpointing", action="store_true", help="less memory, more time")
    readers_options(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile")
    parser.add_argument("-o", "--override", action="append", default=[], metavar="section.key=value")
    return parser.parse_args()


def tune_settings(arguments: argparse.Namespace, steps: int) -> DraftSettings | PolicySettings:
    """How to climb; policy gradients need a step that is drawn at random, so at least two."""
    common: dict[str, Any] = {
        "seed": arguments.seed,
        "learning_rate": arguments.learning_rate,
        "regularisation": arguments.regularisation,
        "precision": "bf16" if arguments.bf16 else "float32",
    }
    if arguments.kind == "policy":
        return PolicySettings(sampler_steps=max(2, steps), group=arguments.group, **common)
    return DraftSettings(
        kind=arguments.kind,
        sampler_steps=steps,
        last_steps=arguments.last_steps,
        checkpointing=arguments.checkpointing,
        **common,
    )


def command_of(arguments: argparse.Namespace) -> str:
    """The command, without what depends on this machine."""
    names = "seed steps every patience rows last_steps kind group learning_rate regularisation lora_rank lora_layers"
    given = {name: getattr(arguments, name) for name in names.split()}
    flags = [f"--{name.replace('_', '-')} {value}" for name, value in given.items() if value is not None]
    flags += [f"--{name}" for name in ("bf16", "checkpointing") if getattr(arguments, name)]
    flags += told_readers(arguments)
    flags += [f"--start {arguments.start.name}"] if arguments.start else []
    flags += [f"-o {override}" for override in arguments.override]
    return " ".join(["python -m generation.personalization.icg.train --home HOME", *flags])


def place_of(settings: Settings) -> Path:
    """Where the night looks for what is trained; the built-in adapter's folder is not for another kind of model."""
    if settings.icg.mllm is None:
        return SHIPPED
    if settings.generation.icg is None:
        raise UsageError("generation.icg names no folder for a model over public checkpoints: set it, or give --out")
    return Path(settings.generation.icg)


def main() -> None:
    """Train or resume, then ship the adapter."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    try:
        settings: Settings = load_settings(profile=arguments.profile, overrides=arguments.override)
        ctx = Context(ds=arguments.ds or settings.ds, home=arguments.home, settings=settings)
        facts = {
            "command": command_of(arguments),
            "hardware": f"{platform.machine()}, {arguments.threads} threads, torch {torch.__version__}",
            "date": arguments.date,
            "data": f"the night of {ctx.ds} from the source {settings.ingest.source}: items that are not held out, "
            "its segments and users, its reward model",
        }
        outcome = train(
            ctx,
            tune_settings(arguments, settings.generation.steps),
            RunSettings(
                steps=arguments.steps, every=arguments.every, minutes=arguments.minutes, patience=arguments.patience
            ),
            work=arguments.work,
            out=arguments.out or place_of(settings),
            facts=facts,
            lora_rank=arguments.lora_rank,
            lora_layers=arguments.lora_layers,
            start=arguments.start,
            rows=arguments.rows,
            readers=arguments.readers,
            recognised=arguments.recognised,
            say=lambda text: print(text, flush=True),
        )
    except CoverliftError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(getattr(problem, "exit_code", 2))
    print(outcome)


if __name__ == "__main__":
    main()
