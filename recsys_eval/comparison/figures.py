"""The figures of a comparison: truth, style, subject and distance, at the level of segments and of single users."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from jobs.lake.arrays import Flags, Floats, Floats32, Ints
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES
from recsys_eval.arm_names import BEST, ORIGINAL
from recsys_eval.comparison.cast import Cast
from recsys_eval.comparison.eyes import ENCODED, STYLE, SUBJECT, Eyes
from recsys_eval.comparison.pictures import Seen
from recsys_eval.comparison.plan import Arm, Level, Plan
from recsys_eval.comparison.worth import Drawn, Means, chances_of, drawn_for, resampled_means
from recsys_eval.judge.image_metrics import subject_ranks
from recsys_eval.people.events import BUCKETS, People

NOBODY, SWAPPED, SEGMENT = "told nothing", "somebody else's", "their segment's"
"""Controls: covers painted for nobody in particular, for another segment or user, and for the user's segment."""
FEW = 3
"""Clicks from which going to a single user is asked about apart."""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Real drawings of the items as painted covers are seen. ``I`` items; NaN or False where a family draws none."""

    style: Floats
    """(I, 6, 6) the judge's probabilities of each family's drawing."""
    subject: Floats
    """(I, 6, 128) where the judge sees it among subjects."""
    encoded: Floats
    """(I, 6, 160) by the encoder."""
    drawn: Flags
    """(I, 6)"""

    @classmethod
    def of(cls, world: World, items: Sequence[str], eyes: Eyes) -> "Gallery":
        """Look at every drawing of the items."""
        pack, shape = world.items.pack, (len(items), len(FAMILIES))
        at = [(i, FAMILIES.index(name)) for i, code in enumerate(items) for name in pack.families_of(code)]
        seen = eyes(np.stack([pack.pixels(items[i], FAMILIES[f]) for i, f in at]))
        rows = tuple(np.array(at, np.int64).T)

        def table(name: str, width: int) -> Floats:
            found = np.full((*shape, width), np.nan)
            found[rows] = seen[name]
            return found

        drawn = np.zeros(shape, bool)
        drawn[rows] = True
        return cls(style=table(STYLE, 6), subject=table(SUBJECT, 128), encoded=table(ENCODED, 160), drawn=drawn)


@dataclass(frozen=True, kw_only=True)
class Lab:
    """Everything that figures are computed from."""

    world: World
    cast: Cast
    plan: Plan
    seen: Seen
    gallery: Gallery
    methods: tuple[str, ...]
    everybody: People
    """All users of the night: what a segment likes best is what all its members do."""
    resamples: int
    seed: int

    @cached_property
    def items(self) -> Ints:
        """(I,) numbers in the world."""
        return self.world.item_index(self.cast.item_ids)

    @cached_property
    def item_of(self) -> Ints:
        """(N,) column of each picture's item."""
        column = {item: place for place, item in enumerate(self.cast.item_ids)}
        found = np.empty(len(self.seen.row), np.int64)
        for name, row in self.seen.row.items():
            found[row] = column[self.plan.units[name].item_id]
        return found

    @cached_property
    def similarity(self) -> Floats:
        """(N,) greatest cosine, among subjects, to any real drawing of a picture's item; not below 0."""
        drawings = np.nan_to_num(self.gallery.subject)[self.item_of]
        cosine = np.einsum("nd,nfd->nf", self.seen.looks[SUBJECT].astype(np.float64), drawings)
        cosine[~self.gallery.drawn[self.item_of]] = 0.0
        return np.asarray(np.clip(cosine.max(axis=1), 0, 1), np.float64)

    @cached_property
    def style(self) -> Floats:
        """(N, 6) the judge's probabilities."""
        probabilities = self.seen.looks[STYLE].astype(np.float64)
        return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True), np.float64)

    def numbers(self, people: People) -> Ints:
        """Numbers of users in the world."""
        return self.world.user_index(people.ids)

    def rows_for(self, arm: Arm, whom: Sequence[str]) -> Ints:
        """(U, I) rows of the pictures that an arm has for each of some segments or users, -1 without one."""
        place = {name: row for row, name in enumerate(arm.whom)}
        return self.seen.rows(arm.units[[place[name] for name in whom]])


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Users at one level, what each is shown by each arm, and what they truly like best. ``U`` users, ``I`` items."""

    level: Level
    people: People
    users: Ints
    weight: Floats
    drawn: Drawn
    favourite: Ints
    """(U,) family that the audience of each user likes best in truth."""
    shown: Mapping[str, list[Ints]] = field(repr=False)
    """Arm to (U, I) rows of pictures, one table a painting seed; a method's name, or ``method: control``."""


def segment_audience(lab: Lab) -> Audience:
    """Held-out users of segments with a profile, each shown what their segment is."""
    first = lab.plan.arm(lab.methods[0], "segment")
    people = lab.cast.everyone
    people = people.take(np.isin(np.array(people.segment), first.whom))
    members = lab.everybody.take(np.isin(np.array(lab.everybody.segment), first.whom))
    number = {name: place for place, name in enumerate(first.whom)}
    audience, of = (np.array([number[name] for name in some.segment], np.int64) for some in (people, members))
    swapped = {name: first.whom[place - 1] for place, name in enumerate(first.whom)}
    shown: dict[str, list[Ints]] = {}
    for method in lab.methods:
        arms, plain = lab.plan.seeds(method, "segment"), lab.plan.seeds(method, "everybody")
        shown[method] = [lab.rows_for(arm, people.segment) for arm in arms]
        shown[f"{method}: {NOBODY}"] = [lab.rows_for(arm, ["everybody"] * len(people.ids)) for arm in plain]
        if len(first.whom) > 1:
            shown[f"{method}: {SWAPPED}"] = [lab.rows_for(arm, [swapped[s] for s in people.segment]) for arm in arms]
    users, everyone = lab.numbers(people), lab.numbers(members)
    taste = np.stack([lab.world.style_taste[everyone[of == place]].mean(axis=0) for place in range(len(first.whom))])
    return Audience(
        level="segment",
        people=people,
        users=users,
        weight=np.ones(len(users)),
        drawn=drawn_for(lab.world, users, lab.items, audience, everyone, of),
        favourite=taste.argmax(axis=1)[audience],
        shown=shown,
    )


def user_audience(lab: Lab) -> Audience:
    """The users who are painted for, each shown their own; controls from the same cells."""
    people, cast = lab.cast.people, lab.cast
    swapped = _neighbours(cast)
    profiled = set(lab.plan.arm(lab.methods[0], "segment").whom)
    shown: dict[str, list[Ints]] = {}
    for method in lab.methods:
        own = [lab.rows_for(arm, people.ids) for arm in lab.plan.seeds(method, "user")]
        plain = [lab.rows_for(arm, ["everybody"] * len(people.ids)) for arm in lab.plan.seeds(method, "everybody")]
        theirs = []
        for arm, nobody in zip(lab.plan.seeds(method, "segment"), plain, strict=True):
            has = np.array([name in profiled for name in people.segment])
            names = [name if known else arm.whom[0] for name, known in zip(people.segment, has, strict=True)]
            theirs.append(np.where(has[:, None], lab.rows_for(arm, names), nobody))
        cells = cast.painted

        def within(tables: list[Ints], cells: Flags = cells) -> list[Ints]:
            return [np.where(cells, table, -1) for table in tables]

        shown |= {
            method: own,
            f"{method}: {NOBODY}": within(plain),
            f"{method}: {SEGMENT}": within(theirs),
            f"{method}: {SWAPPED}": [table[swapped] for table in own],
        }
    users = lab.numbers(people)
    place = np.arange(len(users))
    return Audience(
        level="user",
        people=people,
        users=users,
        weight=cast.weight,
        drawn=drawn_for(lab.world, users, lab.items, place, users, place),
        favourite=lab.world.style_taste[users].argmax(axis=1),
        shown=shown,
    )


def _neighbours(cast: Cast) -> Ints:
    """(U,) another user of the same group for each: the next with clicks."""
    found = np.arange(len(cast.people.ids))
    for group in np.unique(cast.group):
        clicking = np.flatnonzero((cast.group == group) & (cast.people.clicks > 0))
        found[clicking] = np.roll(clicking, -1)
    return found


def slices_of(people: People, level: Level) -> dict[str, Flags]:
    """Rows of users by how many clicks are known of them."""
    found = {"all": np.ones(len(people.ids), bool)}
    if level == "user":
        found[f"{FEW} clicks or more"] = people.clicks >= FEW
        found |= {f"{name} clicks": people.bucket == place for place, (name, _) in enumerate(BUCKETS)}
    return {name: rows for name, rows in found.items() if rows.any()}


def truth(lab: Lab, audience: Audience, rows: Flags) -> Means | None:
    """True click probability of every arm, over the same cells."""
    style, similarity = lab.style, lab.similarity
    arms: dict[str, Floats] = {ORIGINAL: audience.drawn.original[None, rows], BEST: audience.drawn.best[None, rows]}
    for name, tables in audience.shown.items():
        arms[name] = np.stack(
            [chances_of(lab.world, audience.users[rows], lab.items, t[rows], style, similarity) for t in tables]
        )
    return resampled_means(arms, audience.weight[rows], resamples=lab.resamples, seed=lab.seed)


REAL = "real drawings"


def appearances(lab: Lab, audience: Audience) -> Iterator[tuple[str, Means | None]]:
    """Style, subject and encoder distance of every method beside the real drawing in the favourite family.

    Cells whose item that family does not draw are left out.
    """
    family = np.broadcast_to(audience.favourite[:, None], audience.drawn.family.shape)
    item = np.broadcast_to(np.arange(len(lab.items))[None, :], family.shape)
    exists = lab.gallery.drawn[item, family]
    for name, of_picture, of_drawing in (
        ("style", _in_style, _real_style),
        ("subject", _recalled, _real_recalled),
        ("distance", _distance, None),
    ):
        arms: dict[str, Floats] = {}
        if of_drawing is not None:
            arms[REAL] = np.where(exists, of_drawing(lab, item, family), np.nan)[None]
        else:
            default = np.broadcast_to(lab.world.items.default[lab.items][None, :], family.shape)
            arms[ORIGINAL] = np.where(exists, _apart(lab.gallery.encoded[item, default], lab, item, family), np.nan)[
                None
            ]
        for arm in lab.methods:
            layers = []
            for table in audience.shown[arm]:
                values = np.full(table.shape, np.nan)
                at = (table >= 0) & exists
                values[at] = of_picture(lab, table[at], item[at], family[at])
                layers.append(values)
            arms[arm] = np.stack(layers)
        yield name, resampled_means(arms, audience.weight, resamples=lab.resamples, seed=lab.seed)


def style_means(lab: Lab, audience: Audience, rows: Flags) -> Means | None:
    """Share in the favourite style of everything that some users are shown, and of real drawings."""
    family = np.broadcast_to(audience.favourite[:, None], audience.drawn.family.shape)
    item = np.broadcast_to(np.arange(len(lab.items))[None, :], family.shape)
    exists = lab.gallery.drawn[item, family]
    arms: dict[str, Floats] = {REAL: np.where(exists, _real_style(lab, item, family), np.nan)[None, rows]}
    for name, tables in audience.shown.items():
        layers = [np.where((table >= 0) & exists, _in_style(lab, table, item, family), np.nan) for table in tables]
        arms[name] = np.stack(layers)[:, rows]
    return resampled_means(arms, audience.weight[rows], resamples=lab.resamples, seed=lab.seed)


def _in_style(lab: Lab, rows: Ints, item: Ints, family: Ints) -> Floats:
    return np.asarray(lab.style[rows].argmax(axis=-1) == family, np.float64)


def _real_style(lab: Lab, item: Ints, family: Ints) -> Floats:
    return np.asarray(np.nan_to_num(lab.gallery.style[item, family]).argmax(axis=-1) == family, np.float64)


def _recalled(lab: Lab, rows: Ints, item: Ints, family: Ints) -> Floats:
    return _ranked(lab, lab.seen.looks[SUBJECT][rows], item, family)


def _real_recalled(lab: Lab, item: Ints, family: Ints) -> Floats:
    flat_item, flat_family = item.reshape(-1), family.reshape(-1)
    drawn = lab.gallery.drawn[flat_item, flat_family]
    found = np.zeros(len(flat_item))
    queries = lab.gallery.subject[flat_item[drawn], flat_family[drawn]].astype(np.float32)
    found[drawn] = _ranked(lab, queries, flat_item[drawn], flat_family[drawn])
    return found.reshape(item.shape)


def _ranked(lab: Lab, queries: Floats32, item: Ints, family: Ints) -> Floats:
    at_item, at_family = np.nonzero(lab.gallery.drawn)
    codes = np.array(lab.cast.item_ids)
    ranks = subject_ranks(
        queries,
        codes[item],
        lab.gallery.subject[at_item, at_family].astype(np.float32),
        codes[at_item],
        query_families=family,
        gallery_families=at_family,
    )
    return np.asarray(ranks == 1, np.float64)


def _distance(lab: Lab, rows: Ints, item: Ints, family: Ints) -> Floats:
    return _apart(lab.seen.looks[ENCODED][rows].astype(np.float64), lab, item, family)


def _apart(vectors: Floats, lab: Lab, item: Ints, family: Ints) -> Floats:
    """1 minus the mean of two cosines, of what a picture shows and of how it is drawn, to a family's drawing."""
    return np.asarray(1 - (vectors * lab.gallery.encoded[item, family]).sum(axis=-1) / 2, np.float64)


def owners(lab: Lab, audience: Audience, method: str) -> list[Floats]:
    """Matrices for the permutation test: [v, u] is v's mean probability on what was painted for u.

    At the user level a matrix a group, of users with clicks; at the segment level one matrix, of all users: those of
    one segment are painted the same.
    """
    style, similarity = lab.style, lab.similarity
    if audience.level == "segment":
        names, at = np.unique(np.array(audience.people.segment), return_inverse=True)
        first = [int(np.flatnonzero(at == place)[0]) for place in range(len(names))]
        blocks = [(np.arange(len(at)), np.array(first), np.arange(len(lab.items)))]
    else:
        cast = lab.cast
        blocks = []
        for group in np.unique(cast.group):
            members = np.flatnonzero((cast.group == group) & (cast.people.clicks > 0))
            blocks.append((members, members, np.flatnonzero(cast.item_group == group)))
    found = []
    for viewers, painted, columns in blocks:
        total = np.zeros((len(viewers), len(painted)))
        for table in audience.shown[method]:
            for place, owner in enumerate(painted):
                rows = np.tile(table[owner, columns], (len(viewers), 1))
                chance = chances_of(lab.world, audience.users[viewers], lab.items[columns], rows, style, similarity)
                total[:, place] += np.nanmean(chance, axis=1)
        total /= len(audience.shown[method])
        found.append(total[:, at] if audience.level == "segment" else total)
    return found
