"""Train what codes do to a picture: ``coverlift train dppmg-pictures``.

The tables start where codes are painted as ``profile`` paints the mean preference of who holds them
(:mod:`generation.personalization.dppmg.inject`). From there they and low-rank weights of the keys and values of
cross-attention climb the rewards of ICG's training by backpropagation through the one step (DRaFT-1), and nothing else
moves. Painted for are the night's segments, the first codes, each with the mean taste of its training users, and
single training users by all their codes. Killed at any time, or ended by ``--minutes``, the same command goes on.
"""

import copy
import hashlib
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from conf.command_line import told
from conf.errors import UsageError
from generation.alignment.draft import Draft, DraftSettings
from generation.alignment.guard import Guard, GuardSettings
from generation.alignment.run import RunSettings, align
from generation.alignment.tuner import TuneSettings
from generation.catalogue import segment_profiles
from generation.diffusion.painter import Painter
from generation.diffusion.training.reader import Reader, augmented
from generation.personalization.dppmg.checkpoint import RANK, add_low_rank, ship
from generation.personalization.dppmg.graph import VISUAL, Graph, read_edges
from generation.personalization.dppmg.inject import CodeTables, prefix_means, start_tables
from generation.personalization.dppmg.painting import CodePainting
from generation.personalization.dppmg.preferences import FOLDER, SHIPPED, features_of, read_preferences
from generation.personalization.dppmg.tokens import LEAST_CLICKS, coded_segments
from generation.personalization.icg.painting import SHAPE
from generation.personalization.icg.train import WATCHED_ITEMS, ThroughReaders, build_reward, ship_best
from generation.personalization.icg.trainees import Trainee
from generation.personalization.low_rank import lora_weights
from generation.personalization.training.reader_reward import FAINTEST, ReadReward, Tastes
from generation.personalization.training.rewarding import Moved, Watch
from generation.personalization.training.world import Audience, Items, Sampler
from generation.preference_tokens import NONE
from generation.rewards.candidates import CandidateScorer
from generation.training_state import same_run
from jobs.lake.arrays import Floats, Floats32, Ints, matrix
from jobs.lake.context import Context
from jobs.lake.splits import split_of
from jobs.stickers.pack import PicturePack

HEAVY_CLICKS, HEAVY_USERS = 10, 200
"""Clicks of training users who are painted for by all their codes, and how many of them."""
TASTED_USERS = 24
"""Training users whose mean taste a first code has."""
SEGMENT_WEIGHT = 50.0
"""Rows of a user that a segment counts as, where the tables start."""
CODE = "code:"
"""Names the holders of a first code among segments and users."""


@dataclass(frozen=True, kw_only=True)
class Holders:
    """Who holds which codes, for training."""

    segments: dict[str, Ints]
    """(levels,) codes of each with a taste."""
    users: tuple[str, ...]
    """``N`` training users with clicks enough."""
    codes: Ints
    """(N, levels)"""
    preferences: Floats32
    """(N, 160) of these users, as the night knows them."""
    clicks: Ints
    profiles: dict[str, Floats32]
    """(160,) of each segment."""

    @classmethod
    def read(cls, ctx: Context, folder: Path) -> "Holders":
        """Of the night of ds, by the quantiser of a folder."""
        lake, preferences = ctx.lake, read_preferences(folder, VISUAL)
        graph = Graph.of(read_edges(lake, ctx.ds, VISUAL))
        features = features_of(lake, ctx.settings.features.encoder_id, VISUAL, graph, {})
        looks = preferences.of(graph, features)
        members = lake.read("user_segments", ds=ctx.ds, columns=["user_id", "segment_id"]).to_pylist()
        segments = coded_segments(preferences, graph, looks, {row["user_id"]: row["segment_id"] for row in members})
        columns = ["user_id", "pref_embedding", "pref_style"]
        table = lake.read("user_features", ds=ctx.ds, columns=columns)
        rows = {user: row for row, user in enumerate(table["user_id"].to_pylist())}
        vectors = np.concatenate([matrix(table["pref_embedding"]), matrix(table["pref_style"])], axis=1)
        train = np.array([split_of(user) == "train" and user in rows for user in graph.users])
        chosen = np.flatnonzero(train & (graph.clicked >= LEAST_CLICKS))
        profiles = {each.segment_id: each for each, _ in segment_profiles(lake, ctx.ds) if each.known}
        return cls(
            segments={
                name: codes
                for name, codes in zip(segments.audience, segments.codes, strict=True)
                if codes[0] >= 0 and name in profiles
            },
            users=tuple(graph.users[row] for row in chosen),
            codes=preferences.quantiser.codes(looks[torch.from_numpy(chosen)]),
            preferences=vectors[[rows[graph.users[row]] for row in chosen]],
            clicks=graph.clicked[chosen].round().astype(np.int64),
            profiles={
                name: np.concatenate([each.pref_embedding, each.pref_style]).astype(np.float32)
                for name, each in profiles.items()
            },
        )

    def start(self, painter: Painter) -> CodeTables:
        """Tables from which codes are painted as ``profile`` paints their holders' mean preference."""
        names = list(self.segments)
        own: list[tuple[Ints, Floats32, Floats]] = [prefix_means(self.codes, self.preferences)]
        if names:
            codes = np.stack([self.segments[name] for name in names])
            profiles = np.stack([self.profiles[name] for name in names])
            own.append((codes, profiles, np.full(len(names), SEGMENT_WEIGHT)))
        return start_tables(painter.conditioning, own)

    def first_codes(self) -> dict[str, tuple[str, ...]]:
        """Training users with most clicks of each first code, by its name."""
        order = np.argsort(-self.clicks, kind="stable")
        found = {}
        for code in np.unique(self.codes[:, 0]):
            mine = [row for row in order if self.codes[row, 0] == code][:TASTED_USERS]
            found[f"{CODE}{code}"] = tuple(self.users[row] for row in mine)
        return found

    def heavy(self) -> list[int]:
        """Places of the training users who are painted for by all their codes: of equal codes the one who clicked most.

        An item painted twice for the same codes would have no diversity, and its distance no gradient.
        """
        order = [row for row in np.argsort(-self.clicks, kind="stable") if self.clicks[row] >= HEAVY_CLICKS]
        first: dict[tuple[int, ...], int] = {}
        for row in order:
            first.setdefault(tuple(self.codes[row].tolist()), int(row))
        return list(first.values())[:HEAVY_USERS]

    def told(self) -> dict[str, Tensor]:
        """(levels,) codes by name of everybody who is painted for."""
        levels = self.codes.shape[1]
        found = {name: torch.from_numpy(codes) for name, codes in self.segments.items()}
        for name in self.first_codes():
            found[name] = torch.tensor([int(name.removeprefix(CODE)), *[NONE] * (levels - 1)])
        return found | {self.users[row]: torch.from_numpy(self.codes[row]) for row in self.heavy()}

    def audience(self) -> Audience:
        """Segments and first codes, and single users."""
        codes, users = list(self.first_codes()), [self.users[row] for row in self.heavy()]
        nobody = np.zeros(self.preferences.shape[1], np.float32)
        return Audience(
            segments=(*self.segments, *codes),
            users=tuple(users),
            preference=dict.fromkeys((*self.segments, *codes, *users), nobody),
        )


class CodeTastes(Tastes):
    """Tastes of segments and users as they are; of a first code, the mean of its training users'."""

    def __init__(self, tastes: Tastes, holders: Mapping[str, Sequence[str]]) -> None:
        super().__init__(tastes.clicks, tastes.styles, tastes.item_ids, tastes.embeddings)
        self.holders = holders

    def _of(self, name: str) -> Tensor:
        if name not in self.holders:
            return super()._of(name)
        mean = self(self.holders[name]).double().mean(0)
        return ((mean - mean.mean()) / mean.std(correction=0).clamp_min(FAINTEST)).float()


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
    low_rank: bool = True
    """Whether keys and values of cross-attention are tuned beside the tables."""
    threads: int = 1
    """CPU threads."""
    run: RunSettings = field(default=RunSettings(steps=600))
    tune: TuneSettings = field(
        default=TuneSettings(learning_rate=2e-3, regularisation=1.0), metadata={"fixed": ("sampler_steps",)}
    )


def trainee_of(ctx: Context, options: PictureTraining, holders: Holders, quantiser: str) -> tuple[Trainee, Painter]:
    """Painter and tables before training; only tables and low-rank weights may move."""
    generation = ctx.settings.generation
    painter = Painter.load(Path(generation.checkpoint) if generation.checkpoint else None)
    tables, unet = holders.start(painter), painter.unet
    if options.low_rank:
        torch.manual_seed(options.tune.seed)
        unet = copy.deepcopy(painter.unet)
        add_low_rank(unet)
    painting = CodePainting(painter, unet, tables, holders.told(), guidance=generation.mean_guidance)
    parameters = {f"tables.{name}": weight for name, weight in tables.named_parameters()}
    if options.low_rank:
        parameters |= {f"unet.{name}": weight for name, weight in lora_weights(unet).items()}

    def write(folder: Path, facts: dict[str, object]) -> None:
        ship(tables, lora_weights(unet), folder, painter.fingerprint, facts)

    about = {"generator": painter.fingerprint, "quantiser": quantiser, "rank": RANK if options.low_rank else 0}
    return Trainee(painting=painting, parameters=parameters, about=about, ship=write), painter


def train_pictures(ctx: Context, options: PictureTraining) -> None:
    """Train or resume, then ship the best look; without a step (``--steps 0``) the start itself is shipped.

    Raises
    ------
    UsageError
        No reader is given, or ``--work`` belongs to another run.
    """
    torch.set_num_threads(options.threads)
    source, out = options.preferences or SHIPPED, options.out or SHIPPED
    holders = Holders.read(ctx, source)
    trainee, _ = trainee_of(ctx, options, holders, read_preferences(source, VISUAL).fingerprint)
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
    if not options.readers:
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
    reward = build_reward(ctx, scorer, users, readers=readers, recognised=options.recognised)
    assert isinstance(reward, ReadReward)
    reward.tastes = CodeTastes(reward.tastes, codes)
    audience, items = holders.audience(), Items.read(ctx, scorer.encoders, "train")
    tuner = Draft(trainee.painting, trainee.parameters, Moved(reward, augmented), shape=SHAPE, settings=settings)
    sampler = Sampler(items, audience, rows=options.rows, seed=settings.seed)
    watched = Items.read(ctx, scorer.encoders, "validation", limit=WATCHED_ITEMS)
    pack, steps = PicturePack.load(), settings.sampler_steps
    watch = Watch(trainee.painting, reward, watched, audience, pack, steps=steps, autocast=tuner.autocast)
    say = partial(print, flush=True)
    learn = partial(tuner.learn, sampler.draw)
    outcome = align(tuner, learn, watch, Guard(GuardSettings()), options.run, options.work, say=say)
    ship_best(trainee, options.work, out, {**facts, **about, "outcome": outcome, "tune": asdict(settings)})
    print(outcome)
