"""Methods side by side: ``coverlift compare``.

Every method paints the same held-out items for segments and for held-out users, from the same noise; the judge and the
world say what came of it. Killed at any time, the same command goes on where it stopped and ends with the same bytes.
"""

import json
import os
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from conf.errors import UsageError
from generation.diffusion.painter import SHIPPED, checkpoint_fingerprint
from generation.personalization.methods import adapter_folders, method_fingerprints, method_spec
from generation.planning.stage import DEFAULT_PICTURES_PER_SECOND, pictures_per_second
from generation.serving.painters import painter_of
from jobs.features.log import read_catalogue
from jobs.lake.arrays import Pixels
from jobs.lake.context import Context
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES
from recsys_eval.arm_names import ORIGINAL
from recsys_eval.comparison.cast import Cast, Sizes
from recsys_eval.comparison.claims import claims_of
from recsys_eval.comparison.document import Document, Figure, Method, Permutation
from recsys_eval.comparison.eyes import Eyes
from recsys_eval.comparison.figures import (
    NOBODY,
    REAL,
    SEGMENT,
    Audience,
    Gallery,
    Lab,
    appearances,
    owners,
    segment_audience,
    slices_of,
    style_means,
    truth,
    user_audience,
)
from recsys_eval.comparison.markdown import markdown
from recsys_eval.comparison.permutation import holm, permutation_test
from recsys_eval.comparison.pictures import Batch, batches_of, load, missing, paint_missing
from recsys_eval.comparison.plan import Level, Painters, Plan
from recsys_eval.comparison.planning import Source, noise_name, plan_of
from recsys_eval.comparison.worth import Means
from recsys_eval.judge.model import Judge
from recsys_eval.people.events import BUCKETS, Events, People
from recsys_eval.people.noise import KINDS
from recsys_eval.report.sheet import sheet_of_arms
from recsys_eval.statistics.lift import Estimate

PAINTED_PER_SECOND, LOOKS_PER_SECOND = 23.0, 45.0
"""Two AVX2 cores: painting, and the judge and the encoder after it; where the night painted, its own speed counts."""
SHUFFLES = 1000
SHEET_ITEMS, SHEET_COLUMNS = 6, 2
NOTES = (
    "Users, their tastes and clicks are simulated (docs/world.md); the pictures and drawings are real.",
    "One picture a unit: nothing is selected by a reward, and none is reported that anything was selected by.",
    "A user without a click is painted for nobody in particular: the same unit, bit for bit.",
    "All held-out users count alike; those drawn stand for the others of their group by clicks.",
    "At the user level the best drawing is the user's own favourite; at the segment level the segment's.",
    "Not measured here: KID, diversity, titles, people's own opinion. What a panel of networks sees in the same "
    "methods' covers: `coverlift study panel`; what each part of ICG adds: `coverlift study ablation`.",
)


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Options of :func:`compare`."""

    methods: tuple[str, ...] = (ORIGINAL, "profile", "icg")
    """Names of methods; original is the covers as they are, and is always there."""
    level: tuple[str, ...] = ("segment", "user")
    """segment, user or both."""
    noise: tuple[float, ...] = (0.2, 0.4, 0.6)
    """Shares of false clicks in users' histories; 0 alone leaves noise out."""
    out: Path = Path("var/compare")
    """Folder of compare.md, compare.json, its schema, sheet.webp and what is painted."""
    dry_run: bool = False
    """Say how many pictures and minutes it takes, and paint nothing."""
    sizes: Sizes = field(default=Sizes())
    resamples: int = 500
    """Of every interval."""
    seed: int = 71
    """Of drawing users and items, of noise and of resampling."""
    threads: int = 2
    """CPU threads."""


def compare(ctx: Context, options: Compare) -> None:
    """Paint what is missing, measure, write the documents; prints their places.

    Raises
    ------
    UsageError
        A method or level that there is not, a method without weights, another generator's adapter, or no night.
    """
    methods = tuple(name for name in dict.fromkeys(options.methods) if name != ORIGINAL)
    _check(options, methods)
    torch.set_num_threads(options.threads)
    painters, folders = painters_of(ctx, methods)
    cast = Cast.read(ctx, options.sizes, options.seed)
    world = World(ctx.settings.world)
    source = Source(
        ctx=ctx,
        cast=cast,
        events=Events.read(ctx.lake, ctx.ds),
        catalogue=read_catalogue(ctx.lake, ctx.settings.features.encoder_id),
        world=world,
        seed=options.seed,
    )
    plan = plan_of(source, painters, methods, options.sizes, levels=options.level, noise=options.noise)
    batches = batches_of(plan)
    work = options.out / "work"
    print(told(plan, batches, work, speed_of(ctx)), flush=True)
    if options.dry_run:
        return
    eyes = Eyes(Judge.load())
    if missing(batches, work):
        paint_missing(batches, work, painter_of(painters.settings), eyes, cast, painters, _Progress())
    lab = Lab(
        world=world,
        cast=cast,
        plan=plan,
        seen=load(batches, work),
        gallery=Gallery.of(world, cast.item_ids, eyes),
        methods=methods,
        everybody=People.everybody(ctx),
        resamples=options.resamples,
        seed=options.seed,
    )
    document = documented(ctx, options, lab, painters, folders)
    write(options.out, document, lab)


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


def painters_of(ctx: Context, methods: Sequence[str]) -> tuple[Painters, dict[str, Path]]:
    """Fingerprints of all weights, every file checked, and the folders of those that are not the generator's."""
    settings = ctx.settings.generation.model_copy(update={"method": methods[0], "beside": tuple(methods[1:])})
    checkpoint = Path(settings.checkpoint) if settings.checkpoint else SHIPPED
    fingerprints = method_fingerprints(settings, checkpoint_fingerprint(checkpoint))
    return Painters(fingerprints=fingerprints, settings=settings), adapter_folders(settings)


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


def documented(ctx: Context, options: Compare, lab: Lab, painters: Painters, folders: dict[str, Path]) -> Document:
    """Everything that is measured."""
    audiences: list[Audience] = []
    if "segment" in options.level:
        audiences.append(segment_audience(lab))
    if "user" in options.level:
        audiences.append(user_audience(lab))
    figures = [each for audience in audiences for each in _figures(lab, audience)]
    figures += [each for audience in audiences if audience.level == "user" for each in _noise(lab, audience, options)]
    permutations = [each for audience in audiences for each in _permutations(lab, audience)]
    counts = np.bincount(lab.cast.people.bucket, minlength=len(BUCKETS)).tolist()
    return Document(
        command=command_of(options),
        night=ctx.ds.isoformat(),
        seed=options.seed,
        resamples=options.resamples,
        painting_seeds=options.sizes.seeds,
        users={name: count for (name, _), count in zip(BUCKETS, counts, strict=True)},
        held_out_users=len(lab.cast.everyone.ids),
        items=lab.cast.item_ids,
        segments=list(lab.plan.arm(lab.methods[0], "segment").whom),
        methods=[
            Method(
                name=name,
                fingerprint=painters.fingerprints[name],
                megabytes=_megabytes(folders.get(name)),
                trained_by=method_spec(name).trained_by,
                pictures=sum(unit.method == name for unit in lab.plan.units.values()),
            )
            for name in lab.methods
        ],
        figures=figures,
        permutations=permutations,
        claims=claims_of(lab.methods, figures, permutations),
        notes=list(NOTES),
    )


def command_of(options: Compare) -> str:
    """The command with what decides its figures."""
    sizes = options.sizes
    words = ["coverlift", "compare"]
    words += [word for name in options.methods for word in ("--methods", name)]
    words += [word for name in options.level for word in ("--level", name)]
    words += [word for share in options.noise for word in ("--noise", f"{share:g}")]
    words += ["--users", f"{sizes.users}", "--items", f"{sizes.items}", "--groups", f"{sizes.groups}"]
    words += ["--noise-users", f"{sizes.noise_users}", "--seeds", f"{sizes.seeds}", "--seed", f"{options.seed}"]
    return shlex.join(words)


def _megabytes(folder: Path | None) -> float:
    return 0.0 if folder is None else sum(f.stat().st_size for f in folder.rglob("*.safetensors")) / 1e6


def _figures(lab: Lab, audience: Audience) -> Iterator[Figure]:
    """Figures over all users, paired differences, and the gap by clicks."""
    level: Level = audience.level
    for name, rows in slices_of(audience.people, level).items():
        means = truth(lab, audience, rows)
        if means is None:
            continue
        section = "figures" if name == "all" else "clicks"
        arms = [arm for arm in audience.shown if section == "figures" or ": " not in arm or arm.endswith(SEGMENT)]
        for arm in arms:
            found = means.gap_closed(arm)
            yield Figure.of(found, means, section=section, level=level, method=arm, figure="gap closed", slice=name)
            if section == "figures":
                yield Figure.of(means.lift(arm), means, section=section, level=level, method=arm, figure="lift")
        if section == "clicks":
            for method in lab.methods:
                found = means.gap_difference(method, f"{method}: {SEGMENT}")
                column = f"{method}: own minus segment's"
                yield Figure.of(
                    found,
                    means,
                    section="clicks",
                    level=level,
                    method=column,
                    figure="gap closed",
                    slice=name,
                )
            continue
        against = [*lab.methods, *(f"{method}: {NOBODY}" for method in lab.methods)]
        against += [f"{method}: {SEGMENT}" for method in lab.methods if f"{method}: {SEGMENT}" in audience.shown]
        yield from _paired(
            [
                (method, base, "gap closed", means.gap_difference(method, base))
                for method in lab.methods
                for base in against
                if base != method and base.partition(": ")[0] in (method, *(lab.methods if ": " not in base else ()))
            ],
            level,
            means,
        )
    yield from _appearances(lab, audience)


def _appearances(lab: Lab, audience: Audience) -> Iterator[Figure]:
    level = audience.level
    for figure, means in appearances(lab, audience):
        if means is None:
            continue
        if figure == "distance":
            found = {arm: means.mean(arm) for arm in (ORIGINAL, *lab.methods)}
        else:
            found = {arm: means.share(arm, REAL) for arm in lab.methods}
        for arm, each in found.items():
            yield Figure.of(each, means, section="figures", level=level, method=arm, figure=figure)
        differences = [
            (method, base, figure, means.difference(method, base))
            for method in lab.methods
            for base in lab.methods
            if method != base
        ]
        yield from _paired(differences, level, means)


def _paired(differences: Sequence[tuple[str, str, str, Estimate]], level: Level, means: Means) -> Iterator[Figure]:
    """Differences of one figure, their p adjusted over the methods of each base."""
    adjusted = holm([1.0 if each.p is None else each.p for _, _, _, each in differences])
    for (method, base, figure, each), p in zip(differences, adjusted, strict=True):
        row = Figure.of(each, means, section="paired", level=level, method=method, figure=figure, against=base)
        yield row.model_copy(update={"p_holm": p})


def _noise(lab: Lab, audience: Audience, options: Compare) -> Iterator[Figure]:
    """Gap and style with noise, and what is lost against the same users without."""
    rows = lab.cast.noisy(options.sizes.noise_users)
    wanted = [noise_name(kind, share) for kind in KINDS for share in options.noise if share > 0]
    if not wanted or not rows.any():
        return
    shown = {method: audience.shown[method][:1] for method in lab.methods}
    for name in wanted:
        for method in lab.methods:
            arm = lab.plan.arm(method, name)
            shown[f"{method}/{name}"] = [lab.rows_for(arm, audience.people.ids)]
    cells = replace(audience, shown=shown)
    means = truth(lab, cells, rows)
    assert means is not None
    styles = style_means(lab, cells, rows)
    for name in ("none", *wanted):
        for method in lab.methods:
            shown_as = method if name == "none" else f"{method}/{name}"
            found = {"gap closed": means.gap_closed(shown_as), "loss": means.gap_difference(shown_as, method)}
            if styles is not None:
                found["style"] = styles.share(shown_as, REAL)
            for figure, each in found.items():
                yield Figure.of(each, means, section="noise", level="user", method=method, figure=figure, slice=name)


def _permutations(lab: Lab, audience: Audience) -> Iterator[Permutation]:
    for method in lab.methods:
        groups = owners(lab, audience, method)
        if all(len(group) < 2 for group in groups):
            return
        found = permutation_test(groups, shuffles=SHUFFLES, seed=lab.seed)
        yield Permutation(
            level=audience.level,
            method=method,
            own=found.own,
            shuffled=found.shuffled,
            z=found.z,
            p=found.p,
            shuffles=SHUFFLES,
            n=found.n,
        )


def write(out: Path, document: Document, lab: Lab) -> None:
    """Write compare.json, its schema, compare.md and sheet.webp, each in one step; prints their places."""
    texts = {
        "compare.json": document.model_dump_json(indent=1) + "\n",
        "compare.schema.json": json.dumps(Document.model_json_schema(), indent=1) + "\n",
        "compare.md": markdown(document),
    }
    for name, text in texts.items():
        partial = out / f".{name}.part"
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, out / name)
        print(out / name)
    contact_sheet(lab).save(out / "sheet.webp", quality=85)
    print(out / "sheet.webp")


def contact_sheet(lab: Lab) -> Image.Image:
    """Items down; two segments and two users across, a row a method and one of true drawings."""
    segments = segment_audience(lab)
    names = np.array(segments.people.segment)
    columns = [
        (str(name), segments, int(np.flatnonzero(names == name)[0])) for name in np.unique(names)[:SHEET_COLUMNS]
    ]
    items = np.arange(min(SHEET_ITEMS, len(lab.items)))
    if any(arm.audience == "user" for arm in lab.plan.arms):
        users = user_audience(lab)
        group = lab.cast.group
        members = np.flatnonzero((group == 0) & (lab.cast.people.clicks > 0))
        most = members[np.argsort(-lab.cast.people.clicks[members], kind="stable")][:SHEET_COLUMNS]
        columns += [(lab.cast.people.ids[row], users, int(row)) for row in most]
        items = np.flatnonzero(lab.cast.item_group == 0)[:SHEET_ITEMS]
    blank = np.full((64, 64, 3), 255, np.uint8)
    arms = {
        method: np.stack(
            [[lab.seen.pixels[audience.shown[method][0][row, item]] for _, audience, row in columns] for item in items]
        )
        for method in lab.methods
    }
    pack, codes = lab.world.items.pack, lab.cast.item_ids

    def drawing(item: int, family: int) -> Pixels:
        return pack.pixels(codes[item], FAMILIES[family]) if lab.gallery.drawn[item, family] else blank

    arms["true drawing"] = np.stack(
        [[drawing(item, int(audience.favourite[row])) for _, audience, row in columns] for item in items]
    )
    titles = [lab.cast.content[item].title for item in items]
    return sheet_of_arms(titles, lab.cast.pixels[items], [name for name, _, _ in columns], arms)
