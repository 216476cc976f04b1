"""The stickers world as a night's evaluation sees it: its users, its judge and what was painted for them."""

from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Ints
from jobs.simulator.model import World
from jobs.stickers.pack import PicturePack
from recsys_eval.judge.judgements import CachedJudge
from recsys_eval.night import Night
from recsys_eval.simulation.painted import Painted
from recsys_eval.simulation.truth import SegmentUsers


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The world, its judge and what was painted."""

    world: World
    pack: PicturePack
    judge: CachedJudge
    painted: Painted
    audience: SegmentUsers
    items: Ints
    """(I,) numbers in the world."""


def open_simulation(night: Night, painted: Painted) -> Simulation:
    """Build the world that the log came from."""
    pack = PicturePack.load()
    world = World(night.ctx.settings.world, pack)
    traffic = dict(night.user_traffic.select("user_id", "impressions_28d").iter_rows())
    audience = SegmentUsers(
        users=world.user_index(painted.user_ids),
        segment=painted.user_segment,
        traffic=np.array([float(traffic.get(user, 0)) for user in painted.user_ids]),
    )
    return Simulation(
        world=world,
        pack=pack,
        judge=CachedJudge.open(night.ctx.lake),
        painted=painted,
        audience=audience,
        items=world.item_index(painted.item_ids),
    )


def favourite_families(world: World, users: Ints, segment: Ints, n_segments: int) -> Ints:
    """Family with the highest mean true taste of each segment's users: simulated.

    Parameters
    ----------
    world
        The model.
    users, segment
        (U,) numbers of users in the world and of their segments.
    n_segments
        Number of segments, each with a user.

    Returns
    -------
    ndarray
        (n_segments,) numbers in ``pack.FAMILIES``.
    """
    means = [world.style_taste[users[segment == number]].mean(axis=0) for number in range(n_segments)]
    return np.asarray(np.argmax(np.stack(means), axis=1), np.int64)
