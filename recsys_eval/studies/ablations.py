"""What each part of ICG adds: ``coverlift study ablation``.

Trains ICG and one variant for each part that is left out, all with the same number of steps on the
same batches, over the tables of a finished night; then paints what the night's plan would paint of the
held-out items with each of them, and with ``profile``, from the same noise. The judge and the world say what came
of it: true click probability, the favourite style, the subject, distances to the true drawing,
diversity, all with intervals, and how far ICG is ahead of each variant. Killed at any time, the same
command goes on: every variant has its own checkpoint.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from conf.command_line import told
from conf.errors import UsageError
from conf.settings import RewardWeights
from generation.alignment.draft import DraftSettings
from generation.alignment.run import RunSettings
from generation.personalization.icg.train import ThroughReaders, train
from generation.personalization.training.world import Audience, Items
from generation.planning.stage import expected_of
from jobs.lake.arrays import Flags, Pixels
from jobs.lake.context import Context
from recsys_eval.night import Findings, Night
from recsys_eval.ranking.cover_assignment import members_of
from recsys_eval.report.sheet import sheet_of_arms
from recsys_eval.report.view import METHOD_FIGURES, method_rows
from recsys_eval.simulation.measure import measure_painted
from recsys_eval.simulation.painted import Painted
from recsys_eval.stage import open_night
from recsys_eval.studies.canvas import Canvas
from reward_model.encoders.model import load_encoders

FULL, PROFILE = "icg", "profile"
PUBLIC = [name for name in RewardWeights.model_fields if name != "personal"]
SHEET_ITEMS = 6


@dataclass(frozen=True, kw_only=True)
class Variant:
    """ICG without one of its parts."""

    about: str
    weights: dict[str, float] = field(default_factory=dict)
    """Weights of rewards that differ from the night's."""
    personal: bool = True
    """Whether it is told whom a picture is for."""
    recognised: bool = True
    """Whether readers say how well the subject is kept, where there are readers."""
    lora_rank: int = 8
    """In all blocks of the generator; 0 leaves it frozen."""
    trained: bool = True
    """False paints by the generator's own conditioning, the title as its prompt."""


VARIANTS = {
    FULL: Variant(about="all of it, with low-rank weights in the generator's blocks"),
    "frozen-generator": Variant(about="the adapter alone", lora_rank=0),
    "no-user-embedding": Variant(about="not told whom a picture is for", personal=False),
    "no-personal-reward": Variant(about="public rewards only", weights={"personal": 0.0}),
    "no-public-rewards": Variant(
        about="the personal reward only", weights=dict.fromkeys(PUBLIC, 0.0), recognised=False
    ),
    PROFILE: Variant(about="handcrafted prompt (the title) in place of meta tokens", trained=False),
}
"""In the order of the table."""


def train_variant(
    ctx: Context,
    variant: Variant,
    draft: DraftSettings,
    run: RunSettings,
    folder: Path,
    facts: dict[str, Any],
    *,
    readers: Sequence[Path] = (),
    recognised: float = 0.0,
) -> Path | None:
    """Folder of the variant's adapter, trained now unless it was before; None without one.

    The arguments are those of :func:`generation.personalization.icg.train.train`.
    """
    if not variant.trained:
        return None
    adapter = folder / "adapter"
    if not (adapter / "manifest.json").is_file():
        weights = ctx.settings.weights.model_copy(update=variant.weights)
        settings = ctx.settings.model_copy(update={"weights": weights})
        train(
            replace(ctx, settings=settings),
            draft,
            run,
            work=folder / "work",
            out=adapter,
            facts=facts,
            lora_rank=variant.lora_rank,
            lora_layers="all",
            personal=variant.personal,
            readers=readers,
            recognised=recognised if variant.recognised else 0.0,
            say=partial(print, f"{folder.name}:", flush=True),
        )
    return adapter


def compare(ctx: Context, canvas: Canvas, painted: dict[str, Pixels]) -> Findings:
    """Truth, style and subject, distances and diversity of every variant, ICG as the published arm."""
    night = open_night(ctx)
    kept = expected_of(ctx, canvas.items.ids).relative >= ctx.settings.generation.min_gain
    return measure_painted(night, painted_of(night, canvas, painted, kept))


def painted_of(night: Night, canvas: Canvas, painted: dict[str, Pixels], kept: Flags) -> Painted:
    """The variants' pictures as the evaluation of a night knows them: the full one published, the rest beside.

    ``kept``, (I, S), says which of them there are.
    """
    segments, items = list(canvas.audience.segments), list(canvas.items.ids)
    shape = (len(items), len(segments))
    number = {
        name: np.where(kept, place * shape[0] * shape[1] + np.arange(shape[0] * shape[1]).reshape(shape), -1)
        for place, name in enumerate(painted)
    }
    user_ids, user_segment = members_of(night.lake, night.ctx.ds, segments)
    subject = [item for _ in painted for item in items for _ in segments]
    return Painted(
        item_ids=items,
        segment_ids=segments,
        cover_ids=[f"{place}" for place in range(len(subject))],
        pixels=np.concatenate([pictures.reshape(-1, 64, 64, 3) for pictures in painted.values()]),
        subject=subject,
        published=number[FULL],
        unpersonalised=np.full(len(items), -1, np.int64),
        beside={name: places for name, places in number.items() if name != FULL},
        user_ids=user_ids,
        user_segment=user_segment,
    )


def table(findings: Findings) -> str:
    """Markdown: a row a variant, a column a figure, and how far ICG is ahead of it."""
    figures = {each.name: each.as_dict() for each in findings.figures}
    rows = {row.name.removesuffix(" (published)"): row for row in method_rows(figures, FULL)}
    titles = ["variant", *[title for _, title in METHOD_FIGURES], "true clicks of icg over it"]
    lines = [titles, ["---"] * len(titles)]
    for name in ["original", *VARIANTS]:
        if name not in rows:
            continue
        cells = [f"{value} [{between}]" if value else "" for value, between in rows[name].cells]
        ahead = figures.get(f"truth.over_{name}.lift")
        over = f"{ahead['value']:+.1%} [{ahead['low']:+.1%}, {ahead['high']:+.1%}]" if ahead else ""
        lines.append([name, *cells, over])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@dataclass(frozen=True, kw_only=True)
class Ablation(ThroughReaders):
    """Options of :func:`ablation`."""

    date: str
    """Day of the training, for the manifests: YYYY-MM-DD."""
    out: Path = Path("var/icg-ablation")
    """Folder of adapters, ablation.json and sheet.png."""
    only: tuple[str, ...] = ()
    """Names of variants; none given: all."""
    items: int | None = None
    """At most so many held-out items; None: all."""
    threads: int = 1
    """CPU threads."""
    run: RunSettings = field(default=RunSettings(steps=120, every=50))
    tune: DraftSettings = field(
        default=DraftSettings(learning_rate=2e-4, regularisation=1.0), metadata={"fixed": ("sampler_steps",)}
    )


def ablation(ctx: Context, options: Ablation) -> None:
    """Train, paint, compare; prints the table.

    Raises
    ------
    UsageError
        A variant that there is not.
    """
    unknown = sorted(set(options.only) - set(VARIANTS))
    if unknown:
        raise UsageError(f"There is no variant {', '.join(unknown)}: the variants are {', '.join(VARIANTS)}.")
    torch.set_num_threads(options.threads)
    draft = replace(options.tune, sampler_steps=ctx.settings.generation.steps)
    facts = {
        "command": told("coverlift study ablation", options),
        "hardware": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
        "date": options.date,
    }
    wanted = [FULL, *(name for name in options.only or VARIANTS if name != FULL)]
    encoders = load_encoders()
    canvas = Canvas(items=Items.read(ctx, encoders, "held_out", options.items), audience=Audience.read(ctx, "train"))
    painted = {}
    for name in wanted:
        adapter = train_variant(
            ctx,
            VARIANTS[name],
            draft,
            options.run,
            options.out / name,
            dict(facts),
            readers=options.readers,
            recognised=options.recognised,
        )
        painted[name] = canvas.paint(
            ctx, FULL if adapter else PROFILE, adapter=adapter, personal=VARIANTS[name].personal
        )
    findings = compare(ctx, canvas, painted)
    document: dict[str, Any] = {**facts, "variants": {name: VARIANTS[name].about for name in wanted}}
    document |= {"figures": [each.as_dict() for each in findings.figures], "notes": findings.notes}
    (options.out / "ablation.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    shown = {name: pictures[:SHEET_ITEMS] for name, pictures in painted.items()}
    sheet_of_arms(canvas.items.titles, canvas.items.pixels, canvas.audience.segments, shown).save(
        options.out / "sheet.png"
    )
    print(table(findings))
    print("\n".join(f"{name}: {VARIANTS[name].about}" for name in wanted))
