"""Who asks for a page when, and which items it shows in which order."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints
from jobs.simulator.model import World
from jobs.simulator.parameters import EVENING, MORNING, NOON, ModelParameters

DAY_SECONDS = 86_400
LAST_START = DAY_SECONDS - 30
"""Latest second at which a page may appear, so that all its impressions fall within the day."""
SECONDS_PER_POSITION = 0.9
FRIDAY = 4

ACTIVITY_STREAM, ITEM_STREAM = 0, 1


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Positions shown on one day to one block of users, request by request. ``N`` positions."""

    user: Ints
    request: Ints
    """(N,) number of the request within the user's day, in the order of time."""
    microsecond: Ints
    """(N,) since midnight UTC."""
    position: Ints
    """(N,) from 1."""
    item: Ints
    random_order: Flags
    """(N,) the request's order is uniformly random."""


def day_factor(day: date, parameters: ModelParameters) -> float:
    """Traffic of a day relative to the week's mean.

    Examples
    --------
    >>> week = [day_factor(date(2026, 3, d), ModelParameters(weekend=2.0)) for d in range(2, 9)]
    >>> round(week[6] / week[0], 6), round(sum(week), 6)
    (2.0, 7.0)
    """
    mean = (5 + 2 * parameters.weekend) / 7
    return (parameters.weekend if day.weekday() > FRIDAY else 1.0) / mean


def session_starts(chronotype: Floats, rng: np.random.Generator) -> Floats:
    """(S,) seconds since midnight: evening, noon and morning, moved by the user's chronotype."""
    weights, means, spreads = np.array([EVENING, NOON, MORNING]).T
    part = rng.choice(3, size=len(chronotype), p=weights)
    hours = means[part] + spreads[part] * rng.standard_normal(len(chronotype)) + chronotype
    return np.asarray((hours % 24) * 3600, dtype=np.float64)


def draw_requests(world: World, users: Ints, day: date, rate: float, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Users and seconds of all requests of a day, ordered by user and time.

    Sessions are Poisson with the user's activity; a session has a geometric number of requests
    with a pause of about a minute between them.
    """
    settings, parameters = world.settings, world.parameters
    per_user_day = settings.impressions / (settings.users * settings.days * settings.page)
    expected = rate * per_user_day * day_factor(day, parameters) / parameters.requests_per_session
    sessions = rng.poisson(expected * world.users.activity[users])
    owner = np.repeat(users, sessions)
    start = session_starts(world.users.chronotype[owner], rng)
    length = rng.geometric(1 / parameters.requests_per_session, len(owner))
    session = np.repeat(np.arange(len(owner)), length)
    pause = rng.lognormal(np.log(60.0), 0.5, len(session))
    elapsed = np.cumsum(pause)
    first = np.cumsum(length) - length
    elapsed -= np.repeat(elapsed[first], length)
    seconds = np.minimum(start[session] + elapsed, LAST_START)
    order = np.lexsort((seconds, owner[session]))
    return owner[session][order], seconds[order]


def draw_candidates(world: World, requests: int, count: int, new_share: float, rng: np.random.Generator) -> Ints:
    """(R, count) items by popularity, with repeats; each is a new item with probability ``new_share``."""
    items = world.items
    edges = [np.cumsum(items.popularity * chosen) for chosen in (~items.held_out, items.held_out)]
    drawn = rng.random((requests, count))
    known: Ints = np.searchsorted(edges[0], drawn * edges[0][-1], side="right")
    if new_share == 0:
        return known
    fresh = np.searchsorted(edges[1], drawn * edges[1][-1], side="right")
    return np.where(rng.random((requests, count)) < new_share, fresh, known)


def repeated(candidates: Ints) -> Flags:
    """(R, C) True at every later occurrence of an item in its row.

    Examples
    --------
    >>> repeated(np.array([[7, 3, 7, 7]]))
    array([[False, False,  True,  True]])
    """
    order = np.argsort(candidates, axis=1, kind="stable")
    ordered = np.take_along_axis(candidates, order, axis=1)
    again = np.zeros_like(candidates, dtype=np.bool_)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    result = np.empty_like(again)
    np.put_along_axis(result, order, again, axis=1)
    return result


def choose_items(world: World, owner: Ints, new_share: float, rng: np.random.Generator) -> tuple[Ints, Flags]:
    """Items of every request, in the order shown.

    Candidates come by popularity; the page takes those with the greatest subject taste plus
    Gumbel noise, which is a draw without replacement from a softmax (Kool, van Hoof and Welling,
    "Stochastic Beams and Where to Find Them", ICML 2019), in that order. A share of the requests
    shows the same items in a uniformly random order instead.

    Returns
    -------
    tuple
        (R, page) items, -1 where fewer distinct candidates were drawn, and (R,) random order.
    """
    page, parameters = world.settings.page, world.parameters
    candidates = draw_candidates(world, len(owner), page * parameters.candidates_per_position, new_share, rng)
    score = parameters.ranking_strength * world.subject_taste(
        np.broadcast_to(owner[:, None], candidates.shape), candidates
    )
    score += rng.gumbel(size=score.shape)
    score[repeated(candidates)] = -np.inf
    best = np.argsort(-score, axis=1)[:, :page]
    chosen = np.where(
        np.isneginf(np.take_along_axis(score, best, axis=1)), -1, np.take_along_axis(candidates, best, axis=1)
    )
    random_order = rng.random(len(owner)) < parameters.random_order
    shuffled = np.take_along_axis(chosen, np.argsort(rng.random(chosen.shape) + (chosen < 0), axis=1), axis=1)
    return np.where(random_order[:, None], shuffled, chosen), random_order


def draw_traffic(
    world: World,
    users: Ints,
    day: date,
    *,
    seed: tuple[int, ...],
    rate: float = 1.0,
    new_share: float = 0.0,
) -> Traffic:
    """All positions shown on a day to a block of users.

    Parameters
    ----------
    world, day
        The model, and the day to make.
    users
        (B,) user numbers, ascending.
    seed
        Key of the block's random streams.
    rate
        Multiplies the number of requests.
    new_share
        Share of candidates that are items which launched after the log; 0 within it.
    """
    owner, seconds = draw_requests(world, users, day, rate, np.random.default_rng(world.stream(*seed, ACTIVITY_STREAM)))
    items, random_order = choose_items(world, owner, new_share, np.random.default_rng(world.stream(*seed, ITEM_STREAM)))
    first = np.searchsorted(owner, owner, side="left")
    request = np.arange(len(owner)) - first
    shown = items >= 0
    row, column = np.nonzero(shown)
    return Traffic(
        user=owner[row],
        request=request[row],
        microsecond=np.round((seconds[row] + SECONDS_PER_POSITION * column) * 1e6).astype(np.int64),
        position=column.astype(np.int64) + 1,
        item=items[row, column],
        random_order=random_order[row],
    )
