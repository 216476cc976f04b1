"""What it is worth to know a single user: ``coverlift study user-liking``.

Nothing is painted. Every way to tell a favourite family (:mod:`recsys_eval.people.choosers`) picks one for each
user of a split, and the world says how much they truly like it (logits, simulated): for all users, by how many clicks
are known of them, and with noise in their history. Develop preference models on validation users; a training run is
worth starting when this shows a gain. Held-out users only report.
"""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from conf.errors import UsageError
from jobs.lake.arrays import Floats
from jobs.lake.context import Context
from jobs.simulator.model import World
from recsys_eval.people.choosers import CHOOSERS, Evidence
from recsys_eval.people.events import BUCKETS, Events, People
from recsys_eval.people.noise import KINDS, Injector
from recsys_eval.statistics.bootstrap import Interval, bootstrap_mean

RESAMPLES = 500


@dataclass(frozen=True, kw_only=True)
class UserLiking:
    """Options of :func:`user_liking`."""

    split: Literal["validation", "held_out"] = "validation"
    """Whose users are asked about."""
    noise: tuple[float, ...] = (0.2, 0.4, 0.6)
    """Shares of all clicks that are false."""
    only: tuple[str, ...] = ()
    """Names of ways to choose; none given: all."""
    seed: int = 41
    """Of noise and resampling."""


def liked(taste: Floats, worth: Floats) -> Floats:
    """(U,) true liking of the family of greatest worth, the first of equals.

    Parameters
    ----------
    taste, worth
        (U, 6) true liking in logits, and what somebody thinks of the families.

    Examples
    --------
    >>> liked(np.array([[0.5, -0.5], [0.1, -0.1]]), np.array([[0.0, 1.0], [2.0, 1.0]])).tolist()
    [-0.5, 0.1]
    """
    found: Floats = taste[np.arange(len(taste)), worth.argmax(axis=1)]
    return found


def true_segment_favourite(world: World, taste: Floats, people: People, members: People) -> Floats:
    """(U,) liking of the family that a user's segment likes most in truth, over ``members``, everybody."""
    everyone = world.style_taste[world.user_index(members.ids)]
    segment = np.array(members.segment)
    best = {name: int(everyone[segment == name].mean(axis=0).argmax()) for name in np.unique(segment)}
    found: Floats = taste[np.arange(len(taste)), [best[name] for name in people.segment]]
    return found


def by_bucket(values: Floats, people: People, seed: int) -> list[Interval | None]:
    """Mean over all users, then over those of each bucket; None where there is nobody."""
    ids, bucket = np.array(people.ids), people.bucket
    groups = [np.ones(len(ids), bool), *(bucket == place for place in range(len(BUCKETS)))]
    return [bootstrap_mean(values[rows], ids[rows], n=RESAMPLES, seed=seed) if rows.any() else None for rows in groups]


def line(name: str, cells: list[Interval | None]) -> str:
    """A row of the table."""
    told = [f"{cell.value:6.2f} [{cell.low:5.2f}, {cell.high:5.2f}]" if cell else "" for cell in cells]
    return "  ".join([f"{name:32}", *(f"{cell:22}" for cell in told)]).rstrip()


def user_liking(ctx: Context, options: UserLiking) -> None:
    """Print the tables.

    Raises
    ------
    UsageError
        A way to choose that there is not, or no user of the split.
    """
    unknown = sorted(set(options.only) - set(CHOOSERS))
    if unknown:
        raise UsageError(f"There is no way to choose called {unknown[0]!r}: there are {', '.join(CHOOSERS)}")
    began = time.monotonic()
    world = World(ctx.settings.world)
    people, events = People.read(ctx, options.split), Events.read(ctx.lake, ctx.ds)
    everyone = People.everybody(ctx)
    taste = world.style_taste[world.user_index(people.ids)]
    known = Evidence.read(ctx, people, events, world)
    wanted = options.only or tuple(CHOOSERS)

    counts = np.bincount(people.bucket, minlength=len(BUCKETS))
    heads = [f"all, {len(people.ids)}", *(f"{name} clicks, {n}" for (name, _), n in zip(BUCKETS, counts, strict=True))]
    print(f"{options.split} users on {ctx.ds}: mean true liking of the family chosen, logits (simulated)")
    print("  ".join([f"{'chosen by':32}", *(f"{head:22}" for head in heads)]).rstrip())
    for name in wanted:
        print(line(name, by_bucket(liked(taste, CHOOSERS[name].worth(known)), people, options.seed)), flush=True)
    told = true_segment_favourite(world, taste, people, everyone)
    print(line("the segment's true favourite", by_bucket(told, people, options.seed)))
    print(line("their own true favourite", by_bucket(taste.max(axis=1), people, options.seed)))

    clicking = people.take(people.clicks > 0)
    if not len(clicking.ids) or not options.noise:
        return
    taste = world.style_taste[world.user_index(clicking.ids)]
    inject = Injector(events, dict(zip(world.user_ids, world.favourite.tolist(), strict=True)), options.seed)
    print(f"\nwith false clicks in their history, {len(clicking.ids)} users with clicks")
    for kind in KINDS:
        print("  ".join([f"{kind:32}", *(f"{share:<22.0%}" for share in (0.0, *options.noise))]).rstrip())
        noisy = [known.of(clicking, events)]
        noisy += [known.of(clicking, inject.into(list(clicking.ids), kind, share)) for share in options.noise]
        for name in (name for name in wanted if CHOOSERS[name].own):
            cells = [by_bucket(liked(taste, CHOOSERS[name].worth(each)), clicking, options.seed)[0] for each in noisy]
            print(line(name, cells), flush=True)
    print(f"\n{time.monotonic() - began:.0f} s")
