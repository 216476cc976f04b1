"""What a panel sees in painted covers: ``coverlift study panel``.

Paints items of a split for the segments of a finished night, one segment a favourite family, by every method that is
asked for, and prints each measure of the panel, family by family, as a ratio to real drawings, the worst first: once
for each way of finishing covers, over the same paint.
On held-out items it only reports. On validation items settings may be compared by it: with ``--twins``, networks
of other seeds look instead of the panel's own.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from conf.errors import UsageError
from generation.finishing.finishings import FINISHINGS
from generation.personalization.training.world import Audience, Items
from generation.rewards.candidates import CandidateScorer
from jobs.lake.arrays import Floats32, Pixels
from jobs.lake.context import Context
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.judge.image_metrics import Pictures
from recsys_eval.judge.judgements import CachedJudge
from recsys_eval.judge.model import Judge
from recsys_eval.panel.measures import PanelFigure, Views, classified, separability, shaped, worst_first
from recsys_eval.panel.pairs import Pairs, gallery_of, pairs_of
from recsys_eval.panel.plain_cnn import WEIGHTS_DIR, load_seeds
from recsys_eval.ranking.cover_assignment import members_of
from recsys_eval.simulation.context import favourite_families
from recsys_eval.studies.canvas import Canvas

METHODS = ("profile", "icg")
WORST = 6
"""Figures that are told last, of all looks together."""


def segments_of_families(ctx: Context, audience: Audience) -> dict[int, str]:
    """Family number -> the segment, first by id, whose users like it most: simulated tastes."""
    world = World(ctx.settings.world, PicturePack.load())
    names, segment = members_of(ctx.lake, ctx.ds, audience.segments)
    favourite = favourite_families(world, world.user_index(names), segment, len(audience.segments))
    found: dict[int, str] = {}
    for name, family in sorted(zip(audience.segments, favourite.tolist(), strict=True)):
        found.setdefault(family, name)
    return dict(sorted(found.items()))


def paint(ctx: Context, canvas: Canvas, families: dict[int, str], method: str) -> Pixels:
    """(I * F, 64, 64, 3) every item for one segment a family, item by item, as the network leaves them."""
    some = replace(canvas, audience=replace(canvas.audience, segments=tuple(families.values())))
    generation = ctx.settings.generation.model_copy(update={"finishing": "none"})
    bare = replace(ctx, settings=ctx.settings.model_copy(update={"generation": generation}))
    pixels = some.paint(bare, method)
    return pixels.reshape(-1, *pixels.shape[2:])


def finish(painted: Pixels, canvas: Canvas, finishing: str) -> Pixels:
    """Covers of :func:`paint` finished in one way."""
    if finishing == "none":
        return painted
    originals = canvas.items.pixels.repeat(len(painted) // len(canvas.items.ids), axis=0)
    return FINISHINGS[finishing].apply(painted, originals)


def paired(pixels: Pixels, canvas: Canvas, families: dict[int, str], pack: PicturePack) -> Pairs:
    """Covers of :func:`paint` beside drawings; where the item's own original is that drawing, they are left out."""
    ids = canvas.items.ids
    wanted = np.tile(np.array(list(families), np.int64), len(ids))
    item = np.repeat(np.arange(len(ids)), len(families))
    pairs = pairs_of(pack, pixels, [ids[i] for i in item], wanted)
    original = {code: canvas.items.pixels[row] for row, code in enumerate(ids)}
    new = [not np.array_equal(real, original[code]) for real, code in zip(pairs.real, pairs.painted.codes, strict=True)]
    return pairs.take(np.array(new, bool))


def judged(judge: Judge) -> Views:
    """The judge as the panel asks it."""

    def views(pixels: Pixels) -> tuple[Floats32, Floats32]:
        return judge.style_probabilities(pixels), judge.subject_embedding(pixels)

    return views


LOOKS = ("shapes", "plain-cnn", "judge", "real-or-painted")
"""What looks at covers, the quickest first."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """The panel over one split's drawings; what a network said of a picture is not asked again."""

    gallery: Pictures
    networks: list[Views]
    judge: Judge

    def figures(self, look: str, pairs: Pairs) -> list[PanelFigure]:
        """What one of ``LOOKS`` finds in covers."""
        if look == "shapes":
            return shaped(pairs)
        if look == "plain-cnn":
            return classified("plain CNN", self.networks, pairs, self.gallery)
        if look == "judge":
            return classified("judge", [judged(self.judge)], pairs, self.gallery)
        return separability(pairs)


def table(figures: list[PanelFigure]) -> list[str]:
    """Lines, the worst first: measure, family, painted, real, figure and interval."""
    lines = [f"{'measure':22}  {'family':20}  {'painted':>8}  {'real':>8}  figure (95 % interval)"]
    for each in worst_first(figures):
        sides = [f"{side:8.3f}" if side is not None else f"{'':8}" for side in (each.painted, each.real)]
        found = each.found
        interval = f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f}) {each.kind}, {found.n} subjects"
        lines.append(f"{each.measure:22}  {each.family:20}  {'  '.join(sides)}  {interval}")
    return lines


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Options of :func:`panel`."""

    split: Literal["validation", "held_out"] = "held_out"
    """Whose items are painted."""
    items: int | None = None
    """The first so many by id; None: all."""
    looks: tuple[str, ...] = LOOKS
    """What looks at them; each prints its table when it is done, the worst first, and then the worst of all follow."""
    methods: tuple[str, ...] = METHODS
    """Methods that paint."""
    finishings: tuple[str, ...] = ("none", *FINISHINGS)
    """Ways to finish covers, each with a table of its own."""
    twins: Path | None = None
    """Folder of plain networks of other seeds, for validation items."""
    threads: int = 1
    """CPU threads."""


def panel(ctx: Context, options: Panel) -> None:
    """Print a table for each method and way of finishing.

    Raises
    ------
    UsageError
        Twins are asked about items that are not for validation, or covers cannot be finished like that.
    """
    unknown = sorted(set(options.looks) - set(LOOKS))
    if unknown:
        raise UsageError(f"the panel has no look {unknown[0]!r}: it has {', '.join(LOOKS)}")
    for name in options.finishings:
        if name != "none" and name not in FINISHINGS:
            raise UsageError(f"covers cannot be finished by {name!r}: there are none, {', '.join(FINISHINGS)}")
    if options.twins and options.split != "validation":
        raise UsageError("twins look at validation items only: leave --twins out, or give --split validation")
    torch.set_num_threads(options.threads)
    pack = PicturePack.load()
    items = Items.read(ctx, CandidateScorer(ctx).encoders, options.split, options.items)
    canvas = Canvas(items=items, audience=Audience.read(ctx, "train"))
    families = segments_of_families(ctx, canvas.audience)
    looks = Looks(
        gallery=gallery_of(pack, pack.codes(options.split)),
        networks=list(load_seeds(options.twins or WEIGHTS_DIR).values()),
        judge=CachedJudge.load(),
    )
    missing = sorted(set(range(len(FAMILIES))) - set(families))
    for family in missing:
        print(f"no segment likes {FAMILIES[family]} most: it was not painted")
    for method in options.methods:
        began = time.monotonic()
        painted = paint(ctx, canvas, families, method)
        speed = len(painted) / (time.monotonic() - began)
        print(f"\n{method}: {len(painted)} covers of {len(items.ids)} {options.split} subjects, {speed:.1f} a second")
        for finishing in options.finishings:
            began = time.process_time()
            finished = finish(painted, canvas, finishing)
            cost = 1000 * (time.process_time() - began) / len(painted)
            pairs = paired(finished, canvas, families, pack)
            print(f"\n{method}, finishing {finishing}: {len(pairs)} covers, {cost:.1f} ms of CPU each", flush=True)
            found: list[PanelFigure] = []
            for look in options.looks:
                found += (figures := looks.figures(look, pairs))
                print("\n".join(table(figures)), flush=True)
            print(f"the worst {WORST} of all looks")
            print("\n".join(table(worst_first(found)[:WORST])), flush=True)
