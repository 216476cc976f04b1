"""Who is shown what at each level, by every arm and control, and what that is worth to them in truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints
from recsys_eval.arm_names import BEST, ORIGINAL
from recsys_eval.comparison.cast import Cast
from recsys_eval.comparison.figures.gallery import Lab
from recsys_eval.comparison.figures.worth import Drawn, Means, chances_of, drawn_for, resampled_means
from recsys_eval.comparison.plan import Level
from recsys_eval.people.events import BUCKETS, People

NOBODY, SWAPPED, SEGMENT = "nobody", "somebody else", "their segment"
"""Controls: covers painted for nobody in particular, for another segment or user, and for the user's segment."""
FEW = 3
"""Clicks from which going to a single user is asked about apart."""


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
    owners: Ints
    """One user for each taste that is painted for: of every segment the first, or all users with clicks."""


def segment_audience(lab: Lab) -> Audience:
    """Held-out users of segments with a profile, each shown what their segment is."""
    first = lab.plan.table(lab.methods[0], "segment")
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
        owners=np.unique(audience, return_index=True)[1],
    )


def user_audience(lab: Lab) -> Audience:
    """The users who are painted for, each shown their own; controls from the same cells."""
    people, cast = lab.cast.people, lab.cast
    swapped = _neighbours(cast)
    profiled = set(lab.plan.table(lab.methods[0], "segment").whom)
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
        owners=np.flatnonzero(people.clicks > 0),
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
