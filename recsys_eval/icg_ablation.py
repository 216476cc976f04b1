"""What each part of ICG adds: ``python -m recsys_eval.icg_ablation --home HOME --date YYYY-MM-DD``.

Trains ICG and one variant for each part that is left out, all with the same number of steps on the
same batches, over the tables of a finished night; then paints the held-out items for every segment
with each of them, and with ``profile``, from the same noise. The judge and the world say what came
of it: true click probability, the favourite style, the subject, distances to the true drawing,
diversity, all with intervals, and how far ICG is ahead of each variant. Killed at any time, the same
command goes on: every variant has its own checkpoint.
"""

import argparse
import json
import platform
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from conf.load import load_settings
from generation.alignment.draft import DraftSettings
from generation.alignment.run import RunSettings
from generation.diffusion.painter import SHIPPED, Painter
from generation.personalization.icg.train import train
from generation.personalization.icg.world import Audience, Items
from generation.units import rounded, unit_seed
from jobs.lake.context import Context
from recsys_eval.appearance import appearance_among, judge_drawings
from recsys_eval.distances import measure_distances
from recsys_eval.looks import measure_looks
from recsys_eval.night import Findings, Night
from recsys_eval.offers import load_segments
from recsys_eval.painted import Painted
from recsys_eval.report_view import METHOD_FIGURES, method_rows
from recsys_eval.scene import open_scene
from recsys_eval.sheet import sheet_of_arms
from recsys_eval.worldview import measure_truth
from reward_model.encoders import ENCODER_ID, load_encoders

FULL, PROFILE = "icg", "profile"
PUBLIC = ("relevance", "aesthetic", "diversity", "clip", "pickscore", "hpsv2", "laion")
BATCH = 32
SHEET_ITEMS = 6


@dataclass(frozen=True, kw_only=True)
class Variant:
    """ICG without one of its parts."""

    about: str
    weights: dict[str, float] = field(default_factory=dict)
    """Weights of rewards that differ from the night's."""
    personal: bool = True
    """Whether it is told whom a picture is for."""
    lora_rank: int = 8
    """In all blocks of the generator; 0 leaves it frozen."""
    trained: bool = True
    """False paints by the generator's own conditioning, the title as its prompt."""


VARIANTS = {
    FULL: Variant(about="all of it, with low-rank weights in the generator's blocks"),
    "frozen-generator": Variant(about="the adapter alone", lora_rank=0),
    "no-user-embedding": Variant(about="not told whom a picture is for", personal=False),
    "no-personal-reward": Variant(about="public rewards only", weights={"personal": 0.0}),
    "no-public-rewards": Variant(about="the personal reward only", weights=dict.fromkeys(PUBLIC, 0.0)),
    PROFILE: Variant(about="handcrafted prompt (the title) in place of meta tokens", trained=False),
}
"""In the order of the table."""


def train_variant(
    ctx: Context, variant: Variant, draft: DraftSettings, run: RunSettings, folder: Path, facts: dict[str, Any]
) -> Path | None:
    """Folder of the variant's adapter, trained now unless it was before; None without one."""
    if not variant.trained:
        return None
    adapter = folder / "adapter"
    if not (adapter / "manifest.json").is_file():
        known = ctx.settings.weights.model_dump()
        weights = {name: weight for name, weight in variant.weights.items() if name in known}
        settings = ctx.settings.model_copy(update={"weights": ctx.settings.weights.model_copy(update=weights)})
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
            say=partial(print, f"{folder.name}:", flush=True),
        )
    return adapter


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """What every variant paints: items x segments, item by item."""

    items: Items
    audience: Audience

    def paint(
        self, ctx: Context, adapter: Path | None, *, personal: bool = True, guidance: float | None = None
    ) -> NDArray[np.uint8]:
        """(I, S, 64, 64, 3), one candidate each; by default at the mean of the night's guidances."""
        settings = ctx.settings.generation
        painter = Painter.load(Path(settings.checkpoint) if settings.checkpoint else SHIPPED, icg=adapter)
        segments = self.audience.segments
        told = self.audience if personal else self.audience.unknown()
        wanted = np.stack([rounded(told.preference[name]) for name in segments])
        guidance = sum(settings.guidance) / len(settings.guidance) if guidance is None else guidance
        keys = [(item, segment) for item in range(len(self.items.ids)) for segment in range(len(segments))]
        parts = []
        for start in range(0, len(keys), BATCH):
            some = keys[start : start + BATCH]
            item, segment = np.array(some).T
            seeds = [unit_seed(settings.seed, self.items.ids[i], segments[s]) for i, s in some]
            parts.append(
                painter.paint(
                    prompts=[self.items.titles[i] for i in item],
                    references=self.items.pixels[item],
                    preferences=wanted[segment],
                    seeds=np.array(seeds, np.int64),
                    steps=settings.steps,
                    guidance=guidance,
                    method=PROFILE if adapter is None else "icg",
                )
            )
        return np.concatenate(parts).reshape(len(self.items.ids), len(segments), 64, 64, 3)


def compare(ctx: Context, canvas: Canvas, painted: dict[str, NDArray[np.uint8]]) -> Findings:
    """Truth, looks, distances and diversity of every variant, ICG as the published arm."""
    night = Night(ctx=ctx, encoder_id=ENCODER_ID, scorer_of=_nobody)
    places = painted_of(night, canvas, painted)
    scene = open_scene(night, places)
    drawings = judge_drawings(scene.judge, scene.pack, canvas.items.ids)
    looks = appearance_among(scene.judge, drawings, places.subject, places.pixels)
    findings = measure_truth(night, scene, looks)
    findings.add(measure_looks(night, scene, looks, drawings))
    findings.add(measure_distances(night, scene, drawings))
    return findings


def painted_of(night: Night, canvas: Canvas, painted: dict[str, NDArray[np.uint8]]) -> Painted:
    """The variants' pictures as the evaluation of a night knows them: the full one published, the rest beside."""
    segments, items = list(canvas.audience.segments), list(canvas.items.ids)
    shape = (len(items), len(segments))
    number = {
        name: place * shape[0] * shape[1] + np.arange(shape[0] * shape[1]).reshape(shape)
        for place, name in enumerate(painted)
    }
    members = load_segments(night.lake, night.ctx.ds)
    members = members.filter(members["segment_id"].is_in(segments)).sort("user_id")
    at = {name: place for place, name in enumerate(segments)}
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
        user_ids=members["user_id"].to_list(),
        user_segment=np.array([at[name] for name in members["segment_id"]], np.int64),
    )


def _nobody(day: date) -> Any:
    raise NotImplementedError(f"no reward model is asked here, not for {day} either")


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
        told = f"{ahead['value']:+.1%} [{ahead['low']:+.1%}, {ahead['high']:+.1%}]" if ahead else ""
        lines.append([name, *cells, told])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="home of a night that ran at least to train-reward")
    parser.add_argument("--ds", type=date.fromisoformat, help="the night; default: of the settings")
    parser.add_argument("--date", required=True, help="day of the training, for the manifests: YYYY-MM-DD")
    parser.add_argument("--out", type=Path, default=Path("var/icg-ablation"), help="adapters, ablation.json, sheet.png")
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), help="these variants; default: all")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--learning-rate", type=float, default=7e-4)
    parser.add_argument("--items", type=int, help="at most so many held-out items; default: all")
    parser.add_argument("--bf16", action="store_true", help="train in bfloat16 where the hardware multiplies it")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile")
    parser.add_argument("-o", "--override", action="append", default=[], metavar="section.key=value")
    return parser.parse_args()


def main() -> None:
    """Train, paint, compare; prints the table."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    settings = load_settings(profile=arguments.profile, overrides=arguments.override)
    ctx = Context(ds=arguments.ds or settings.ds, home=arguments.home, settings=settings)
    draft = DraftSettings(
        sampler_steps=settings.generation.steps,
        learning_rate=arguments.learning_rate,
        regularisation=1.0,
        precision="bf16" if arguments.bf16 else "float32",
    )
    run = RunSettings(steps=arguments.steps, every=50)
    told = [f"--steps {arguments.steps} --learning-rate {arguments.learning_rate}"]
    told += [f"-o {override}" for override in arguments.override]
    facts = {
        "command": " ".join(["python -m recsys_eval.icg_ablation --home HOME", *told]),
        "hardware": f"{platform.machine()}, {arguments.threads} threads, torch {torch.__version__}",
        "date": arguments.date,
    }
    wanted = [FULL, *(name for name in arguments.only or VARIANTS if name != FULL)]
    encoders = load_encoders()
    canvas = Canvas(items=Items.read(ctx, encoders, "held_out", arguments.items), audience=Audience.read(ctx, "train"))
    painted = {}
    for name in wanted:
        adapter = train_variant(ctx, VARIANTS[name], draft, run, arguments.out / name, dict(facts))
        painted[name] = canvas.paint(ctx, adapter, personal=VARIANTS[name].personal)
    findings = compare(ctx, canvas, painted)
    document = {**facts, "variants": {name: VARIANTS[name].about for name in wanted}}
    document |= {"figures": [each.as_dict() for each in findings.figures], "notes": findings.notes}
    (arguments.out / "ablation.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    shown = {name: pictures[:SHEET_ITEMS] for name, pictures in painted.items()}
    sheet_of_arms(canvas.items.titles, canvas.items.pixels, canvas.audience.segments, shown).save(
        arguments.out / "sheet.png"
    )
    print(table(findings))
    print("\n".join(f"{name}: {VARIANTS[name].about}" for name in wanted))


if __name__ == "__main__":
    main()
