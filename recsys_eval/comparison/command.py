"""Methods side by side: ``coverlift compare``.

Every method paints the same held-out items for segments and for held-out users, from the same noise; the judge and the
world say what came of it. Killed at any time, the same command goes on where it stopped and ends with the same bytes.
"""

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch

from conf.errors import UsageError
from generation.personalization.dppmg.titles.stage import folder_of
from generation.personalization.methods import method_spec
from generation.planning.stage import DEFAULT_PICTURES_PER_SECOND, pictures_per_second
from jobs.features.log import read_catalogue
from jobs.lake.context import Context
from jobs.simulator.model import World
from recsys_eval.arm_names import ORIGINAL
from recsys_eval.comparison.arms import ArmPainters, arms_of
from recsys_eval.comparison.cast import Cast, Sizes
from recsys_eval.comparison.eyes import Beside, Eyes
from recsys_eval.comparison.figures.costs import speeds, weights_of
from recsys_eval.comparison.figures.covers_and_titles import Writing
from recsys_eval.comparison.figures.encoder_scores import Words
from recsys_eval.comparison.figures.gallery import Gallery, Lab
from recsys_eval.comparison.pictures import Batch, Studio, batches_of, load, missing
from recsys_eval.comparison.plan import Painters, Plan
from recsys_eval.comparison.planning import Source, plan_of
from recsys_eval.comparison.report.claims import claims_of
from recsys_eval.comparison.report.document import Document, Method
from recsys_eval.comparison.report.findings import Asked, findings
from recsys_eval.comparison.report.markdown import markdown
from recsys_eval.comparison.report.sheet import contact_sheet
from recsys_eval.judge.model import Judge
from recsys_eval.panel.real_or_painted import STEPS
from recsys_eval.people.events import BUCKETS, Events, People
from recsys_eval.texts import write_text
from reward_model.encoders.model import load_text_encoder
from reward_model.scorer import PersonalScorer

PAINTED_PER_SECOND, LOOKS_PER_SECOND = 23.0, 40.0
"""Two AVX2 cores: painting, and all that look at pictures; where the night painted, its own speed counts."""
NOTES = (
    "Users, their tastes and clicks are simulated (docs/world.md); the pictures and drawings are real.",
    "One picture a unit: nothing is selected by a reward, and none is reported that anything was selected by.",
    "A user without a click is painted for nobody in particular: the same unit, bit for bit.",
    "All held-out users count alike; those drawn stand for the others of their group by clicks.",
    "At the user level the best drawing is the user's own favourite; at the segment level the segment's.",
    "KID, diversity and the AUC are of the first painting seed; at the user level of users with clicks.",
    "Not measured here: people's own opinion, and figures by public networks (CLIP, LPIPS, FID) that are not at hand.",
)
WITH_TITLES = (
    "A title is the best of its candidates by what is known of its words group, as in the night; none of the figures "
    "of titles is that."
)
NO_MODEL = "The night has no reward model: the personal reward is left out."


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Options of :func:`compare`."""

    methods: tuple[str, ...] = (ORIGINAL, "profile", "icg")
    """Names of methods; original is the covers as they are, and is always there."""
    adapter: tuple[str, ...] = ()
    """name=FOLDER: weights that a method paints with; name is a method, or one with -something, an arm of its own."""
    ablations: bool = False
    """Compare methods without their parts, as far as those can be left out without training."""
    level: tuple[str, ...] = ("segment", "user")
    """segment, user or both."""
    noise: tuple[float, ...] = (0.2, 0.4, 0.6)
    """Shares of false clicks in users' histories; 0 alone leaves noise out."""
    titles: bool = False
    """Write titles of the items too, and say what cover, title and both are worth."""
    out: Path = Path("var/compare")
    """Folder of compare.md, compare.json, its schema, sheet.webp, speed.json and what is painted."""
    dry_run: bool = False
    """Say how many pictures and minutes it takes, and paint nothing."""
    sizes: Sizes = field(default=Sizes())
    resamples: int = 500
    """Of every interval."""
    seed: int = 71
    """Of drawing users and items, of noise and of resampling."""
    classifier_steps: int = STEPS
    """Of training the classifier that tells painted covers from real drawings."""
    threads: int = 2
    """CPU threads."""


def compare(ctx: Context, options: Compare) -> None:
    """Paint what is missing, measure, write the documents; prints their places.

    Raises
    ------
    UsageError
        A method or level that there is not, a method without weights, another generator's adapter, or no night.
    """
    names = tuple(name for name in dict.fromkeys(options.methods) if name != ORIGINAL)
    _check(options, names)
    torch.set_num_threads(options.threads)
    generation = ctx.settings.generation
    arms = arms_of(generation, names, options.adapter, ablations=options.ablations)
    painters = Painters(arms=arms, settings=generation)
    cast = Cast.read(ctx, options.sizes, options.seed)
    world = World(ctx.settings.world)
    source = Source(
        ctx=ctx,
        cast=cast,
        events=Events.read(ctx.lake, ctx.ds),
        catalogue=read_catalogue(ctx.lake, ctx.settings.features.encoder_id),
        world=world,
        seed=options.seed,
        needs=frozenset().union(*(method_spec(arm.method).needs for arm in arms.values())),
    )
    plan = plan_of(source, painters, options.sizes, levels=options.level, noise=options.noise)
    batches = batches_of(plan)
    work = options.out / "work"
    print(told(plan, batches, work, speed_of(ctx)), flush=True)
    if options.dry_run:
        return
    eyes = Eyes(Judge.load())
    open_painter = ArmPainters(arms, generation)
    if missing(batches, work):
        studio = Studio(
            painters=painters,
            cast=cast,
            open_painter=open_painter,
            looks=Beside(eyes=eyes, pack=world.items.pack, items=cast.item_ids, originals=cast.pixels),
        )
        studio.paint_missing(batches, plan, work, _Progress())
    lab = Lab(
        world=world,
        cast=cast,
        plan=plan,
        seen=load(batches, work),
        gallery=Gallery.of(world, cast, eyes),
        methods=tuple(arms),
        everybody=People.everybody(ctx),
        resamples=options.resamples,
        seed=options.seed,
    )
    asked = asked_of(source, eyes, open_painter, options.classifier_steps)
    if options.titles:
        asked = replace(asked, writing=Writing.of(ctx, lab, folder_of(ctx), seeds=options.sizes.seeds))
    write(options.out, documented(options, lab, asked, painters), lab)


def _check(options: Compare, methods: Sequence[str]) -> None:
    for name in methods:
        method_spec(name)
    if not methods:
        raise UsageError("nothing to compare with the originals: name a method with --methods")
    wrong = sorted(set(options.level) - {"segment", "user"})
    if wrong:
        raise UsageError(f"--level {wrong[0]}: there are segment and user")
    if any(not 0 <= share < 1 for share in options.noise):
        raise UsageError(f"--noise {max(options.noise)}: a share of noise is at least 0 and below 1")


def speed_of(ctx: Context) -> float:
    """Pictures a second that the night itself painted, else that of two AVX2 cores."""
    known = pictures_per_second(ctx.lake, ctx.ds + timedelta(days=1))
    return PAINTED_PER_SECOND if known == DEFAULT_PICTURES_PER_SECOND else known


def told(plan: Plan, batches: Sequence[Batch], work: Path, speed: float) -> str:
    """One line: pictures in all and still to paint, and minutes for them."""
    todo = sum(len(batch.ids) for batch in missing(batches, work))
    minutes = todo * (1 / speed + 1 / LOOKS_PER_SECOND) / 60
    noisy = len(plan.with_noise)
    return (
        f"{len(plan.units):,} pictures ({noisy:,} of them for noise), {todo:,} to paint: about {minutes:.0f} minutes "
        f"at {speed:.0f} painted and {LOOKS_PER_SECOND:.0f} looked at a second"
    )


class _Progress:
    """Prints a line about every minute."""

    def __init__(self) -> None:
        self.began = self.last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.last >= 60 or done == total:
            self.last = now
            print(f"{done:,} of {total:,} pictures, {done / (now - self.began):.1f} a second", flush=True)


def asked_of(source: Source, eyes: Eyes, painters: ArmPainters, steps: int) -> Asked:
    """Eyes, words and the night's click model, where there is one."""
    cast, ctx = source.cast, source.ctx
    words = Words.read(
        ctx.lake,
        load_text_encoder(),
        [item.title for item in cast.content],
        cast.everyone.ids,
        source.events,
        source.catalogue,
    )
    try:
        scorer = PersonalScorer.of_champion(ctx, ctx.ds)
    except UsageError:
        scorer = None
    return Asked(eyes=eyes, words=words, scorer=scorer, source=source, adapter_of=painters.told_events, steps=steps)


def documented(options: Compare, lab: Lab, asked: Asked, painters: Painters) -> Document:
    """Everything that is measured."""
    figures, permutations = findings(lab, asked, options.level, options.sizes, options.noise)
    counts = np.bincount(lab.cast.people.bucket, minlength=len(BUCKETS)).tolist()
    return Document(
        command=command_of(options),
        night=lab.cast.people.as_of.isoformat(),
        seed=options.seed,
        resamples=options.resamples,
        painting_seeds=options.sizes.seeds,
        users={name: count for (name, _), count in zip(BUCKETS, counts, strict=True)},
        held_out_users=len(lab.cast.everyone.ids),
        items=lab.cast.item_ids,
        segments=list(lab.plan.table(lab.methods[0], "segment").whom),
        methods=[_method(name, lab, painters) for name in lab.methods],
        figures=figures,
        permutations=permutations,
        claims=claims_of(lab.methods, figures, permutations),
        notes=[*NOTES, *([WITH_TITLES] if options.titles else []), *([NO_MODEL] if asked.scorer is None else [])],
    )


def _method(name: str, lab: Lab, painters: Painters) -> Method:
    arm = painters.arms[name]
    weights = weights_of(arm.folder)
    return Method(
        name=name,
        method=arm.method,
        fingerprint=arm.fingerprint,
        megabytes=weights.megabytes,
        parameters=weights.parameters,
        training_minutes=weights.training_minutes,
        trained_by=method_spec(arm.method).trained_by,
        pictures=sum(each == name for each in lab.plan.painted_by.values()),
    )


def command_of(options: Compare) -> str:
    """The command with what decides its figures."""
    sizes = options.sizes
    words = ["coverlift", "compare"]
    words += [word for name in options.methods for word in ("--methods", name)]
    words += [word for given in options.adapter for word in ("--adapter", f"{given.partition('=')[0]}=FOLDER")]
    words += ["--ablations"] if options.ablations else []
    words += ["--titles"] if options.titles else []
    words += [word for name in options.level for word in ("--level", name)]
    words += [word for share in options.noise for word in ("--noise", f"{share:g}")]
    words += ["--users", f"{sizes.users}", "--items", f"{sizes.items}", "--groups", f"{sizes.groups}"]
    words += ["--noise-users", f"{sizes.noise_users}", "--seeds", f"{sizes.seeds}", "--seed", f"{options.seed}"]
    return shlex.join(words)


def write(out: Path, document: Document, lab: Lab) -> None:
    """Write compare.json, its schema, compare.md, speed.json and sheet.webp, each in one step; prints their places."""
    took: Mapping[str, dict[str, float]] = {name: asdict(each) for name, each in speeds(out / "work").items()}
    texts = {
        "compare.json": document.model_dump_json(indent=1) + "\n",
        "compare.schema.json": json.dumps(Document.model_json_schema(), indent=1) + "\n",
        "compare.md": markdown(document),
        "speed.json": json.dumps(took, indent=1) + "\n",
    }
    for name, text in texts.items():
        write_text(out / name, text)
        print(out / name)
    contact_sheet(lab).save(out / "sheet.webp", quality=85)
    print(out / "sheet.webp")
