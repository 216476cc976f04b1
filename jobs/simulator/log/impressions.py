"""The log of one day and one block of users: what was shown, by which chance, and what was clicked.

A block is the unit of generation: whoever makes it, in this process or in a Spark task, makes
the same rows, because its random streams are keyed by day and block alone.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import expit

from jobs.lake.arrays import Flags, Floats, Ints, Strings
from jobs.lake.schema.feed import IMPRESSIONS
from jobs.simulator.log.traffic import Traffic, draw_traffic
from jobs.simulator.model import World
from jobs.simulator.parameters import examination
from jobs.simulator.wording import KINDS, PLAIN
from jobs.stickers.pack import FAMILIES

BLOCK_USERS = 10_000
"""Users whose day is made together."""

LOG_STREAM, PLAY_STREAM = 10, 11
COVER_STREAM, WORDING_STREAM, CLICK_STREAM = 2, 3, 4

RANK, EXPLORE_RANK = "rank", "explore-rank"
"""Policies of the log: order by taste and noise, or uniformly random order."""
CONTROL, PUBLISHED = "control", "published"
"""Policies of the next day: the arm of the user; requests in random order add ``EXPLORE_RANK`` to it."""

FILE_SCHEMA = pa.schema([field for field in IMPRESSIONS.schema if field.name != "ds"])
"""Columns of an impressions file; the day is in the folder's name."""


@dataclass(frozen=True, kw_only=True)
class ShownRows:
    """The cover of every position; ``N`` positions."""

    cover: Ints
    """(N,) number of the cover: item * 6 + family of a drawing; painted covers are numbered above those."""
    style_probs: Floats
    """(N, 6)."""
    similarity: Floats
    propensity: Floats
    """(N,) the policy's probability of this cover for this item and user."""


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """Published covers of the next day. ``P`` covers, ``S`` segments."""

    cover_ids: list[str]
    style_probs: Floats
    """(P, 6) the judge's probabilities."""
    similarity: Floats
    """(P,) in [0, 1]."""
    table: Ints
    """(I, S) number of the published cover of item x segment, -1 where there is none."""
    segment: Ints
    """(U,) the user's segment, -1 without one."""
    titles: "TitleCampaign | None" = None
    """Published titles; None where none are."""

    def lookup(self, users: Ints, items: Ints) -> Ints:
        """(N,) number of the published cover, -1 where there is none."""
        segments = self.segment[users]
        return np.where(segments >= 0, self.table[items, segments], -1)


@dataclass(frozen=True, kw_only=True)
class TitleCampaign:
    """Published titles of the next day. ``P`` titles, ``G`` words groups."""

    texts: list[str]
    kind: Ints
    """(P,) number in ``wording.KINDS`` of what readers see in it."""
    understood: Floats
    """(P,) in [0, 1]: how well it tells its item in its language."""
    language: Ints
    """(P,) number in the pack's languages of the group it was written for."""
    table: Ints
    """(I, G) number of the published title of item x group, -1 where there is none."""
    group: Ints
    """(U,) the user's words group, -1 without one."""

    def lookup(self, users: Ints, items: Ints) -> Ints:
        """(N,) number of the published title, -1 where there is none."""
        groups = self.group[users]
        return np.where(groups >= 0, self.table[items, groups], -1)


@dataclass(frozen=True, kw_only=True)
class ShownTitles:
    """The title of every position; ``N`` positions."""

    kind: Ints
    """(N,) number in ``wording.KINDS``."""
    propensity: Floats
    lost: Floats
    """(N,) logits that a title loses that does not tell its item in its reader's language; 0 for the log's own."""
    published: Ints
    """(N,) number of the published title, -1 for one of the log's own."""


def blocks_of(world: World) -> list[Ints]:
    """User numbers of each block."""
    numbers = np.arange(world.users.size)
    return [numbers[start : start + BLOCK_USERS] for start in range(0, len(numbers), BLOCK_USERS)]


def logged_covers(world: World, items: Ints, rng: np.random.Generator) -> ShownRows:
    """Covers of the logging policy.

    The original is shown with probability 1 - explore, else another drawing of the same subject,
    each alike; an item with one drawing shows it always.
    """
    catalogue, explore = world.items, world.settings.explore
    others = catalogue.covers[items].copy()
    rows = np.arange(len(items))
    others[rows, catalogue.default[items]] = False
    count = others.sum(axis=1)
    explored = (rng.random(len(items)) < explore) & (count > 0)
    pick = np.argmax(np.where(others, rng.random(others.shape), -1.0), axis=1)
    family = np.where(explored, pick, catalogue.default[items])
    keep = np.where(count > 0, 1 - explore, 1.0)
    return ShownRows(
        cover=items * len(FAMILIES) + family,
        style_probs=np.eye(len(FAMILIES))[family],
        similarity=np.ones(len(items)),
        propensity=np.where(explored, explore / np.maximum(count, 1), keep),
    )


def published_covers(world: World, traffic: Traffic, shown: ShownRows, campaign: Campaign) -> ShownRows:
    """Treated users see the published cover wherever their segment has one; its propensity is then 1."""
    if not campaign.cover_ids:
        return shown
    chosen = campaign.lookup(traffic.user, traffic.item)
    swap = world.treated[traffic.user] & (chosen >= 0)
    return ShownRows(
        cover=np.where(swap, world.items.size * len(FAMILIES) + chosen, shown.cover),
        style_probs=np.where(swap[:, None], campaign.style_probs[chosen], shown.style_probs),
        similarity=np.where(swap, campaign.similarity[chosen], shown.similarity),
        propensity=np.where(swap, 1.0, shown.propensity),
    )


def draw_wording(world: World, count: int, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """(N,) kind of title and its probability: plain mostly, each other kind alike."""
    explore = world.parameters.explore_wording
    chances = np.array([1 - explore if kind == PLAIN else explore / (len(KINDS) - 1) for kind in range(len(KINDS))])
    kind = rng.choice(len(KINDS), size=count, p=chances)
    return kind, chances[kind]


def shown_titles(world: World, traffic: Traffic, campaign: Campaign | None, rng: np.random.Generator) -> ShownTitles:
    """Titles of the logging policy; treated users see the published one wherever their words group has one."""
    kind, chance = draw_wording(world, len(traffic.user), rng)
    none = np.full(len(kind), -1, np.int64)
    if campaign is None or campaign.titles is None:
        return ShownTitles(kind=kind, propensity=chance, lost=np.zeros(len(kind)), published=none)
    titles = campaign.titles
    chosen = np.where(world.treated[traffic.user], titles.lookup(traffic.user, traffic.item), -1)
    swap = chosen >= 0
    foreign = titles.language[chosen] != world.users.language[traffic.user]
    wrong = np.where(foreign, 1.0, 1.0 - titles.understood[chosen])
    return ShownTitles(
        kind=np.where(swap, titles.kind[chosen], kind),
        propensity=np.where(swap, 1.0, chance),
        lost=np.where(swap, world.parameters.dissimilarity * wrong, 0.0),
        published=chosen,
    )


def stream_of(world: World, day: date, block: int, *, played: bool) -> tuple[int, ...]:
    """Key of the random streams of a day and block; a day of the log and the same day played have different ones."""
    return (PLAY_STREAM if played else LOG_STREAM, (day - world.settings.start).days, block)


def day_traffic(world: World, day: date, block: int, *, played: bool) -> Traffic:
    """Requests of a day and block; on a played day new items are among them, with ``play_multiplier`` the traffic."""
    return draw_traffic(
        world,
        blocks_of(world)[block],
        day,
        seed=stream_of(world, day, block, played=played),
        rate=world.settings.play_multiplier if played else 1.0,
        new_share=world.parameters.new_share if played else 0.0,
    )


def played_requests(world: World, day: date, block: int) -> tuple[Traffic, Ints]:
    """What a played day asks for, whatever is published: its requests, and (N,) kinds of the log's own titles."""
    traffic = day_traffic(world, day, block, played=True)
    words = world.stream(*stream_of(world, day, block, played=True), WORDING_STREAM)
    return traffic, draw_wording(world, len(traffic.user), np.random.default_rng(words))[0]


def day_block(
    world: World,
    day: date,
    block: int,
    *,
    campaign: Campaign | None = None,
) -> pa.Table:
    """Impressions of one day and one block of users.

    Parameters
    ----------
    world
        The model that shows and clicks.
    day
        A day of the log; with a campaign, one after it.
    block
        Number in ``blocks_of``.
    campaign
        Published covers: makes the day a played one.

    Returns
    -------
    pa.Table
        ``FILE_SCHEMA``, ordered by user and time.
    """
    key = stream_of(world, day, block, played=campaign is not None)
    traffic = day_traffic(world, day, block, played=campaign is not None)
    shown = logged_covers(world, traffic.item, np.random.default_rng(world.stream(*key, COVER_STREAM)))
    if campaign is None:
        policy = np.where(traffic.random_order, EXPLORE_RANK, RANK)
    else:
        shown = published_covers(world, traffic, shown, campaign)
        arm = np.where(world.treated[traffic.user], PUBLISHED, CONTROL)
        policy = np.where(traffic.random_order, np.char.add(arm, f"-{EXPLORE_RANK}"), arm)
    titles = shown_titles(world, traffic, campaign, np.random.default_rng(world.stream(*key, WORDING_STREAM)))
    clicked, dwell = draw_clicks(world, traffic, shown, titles, np.random.default_rng(world.stream(*key, CLICK_STREAM)))
    return to_table(
        world,
        day,
        traffic,
        cover_ids=all_cover_ids(world, campaign).take(pa.array(shown.cover)),
        titles=title_texts(world, traffic, titles, campaign),
        clicked=clicked,
        dwell=dwell,
        propensity=shown.propensity * titles.propensity,
        policy=policy,
    )


def draw_clicks(
    world: World, traffic: Traffic, shown: ShownRows, titles: ShownTitles, rng: np.random.Generator
) -> tuple[Flags, Ints]:
    """(N,) clicks and milliseconds on the page, the latter 0 without a click."""
    parameters = world.parameters
    logit = world.attraction(traffic.user, traffic.item, shown.style_probs, shown.similarity, titles.kind)
    logit -= titles.lost
    chance = expit(logit) * examination(traffic.position, parameters)
    clicked = rng.random(len(chance)) < chance
    log_seconds = (
        np.log(parameters.dwell_median_s)
        + parameters.dwell_match * (logit - parameters.base)
        + parameters.dwell_sd * rng.standard_normal(len(chance))
    )
    return clicked, np.where(clicked, np.round(1000 * np.exp(log_seconds)), 0).astype(np.int64)


def title_texts(world: World, traffic: Traffic, titles: ShownTitles, campaign: Campaign | None) -> pa.Array:
    """The words of every position."""
    published = campaign.titles.texts if campaign and campaign.titles else []
    own = (world.users.language[traffic.user] * len(KINDS) + titles.kind) * world.items.size + traffic.item
    number = np.where(titles.published >= 0, len(world.titles) + titles.published, own)
    return pa.array([*world.titles, *published], pa.string()).take(pa.array(number))


def all_cover_ids(world: World, campaign: Campaign | None) -> pa.Array:
    """Ids by cover number: the drawings, then the painted covers."""
    painted = campaign.cover_ids if campaign else []
    return pa.array([*world.items.cover_ids.ravel().tolist(), *painted], pa.string())


def to_table(
    world: World,
    day: date,
    traffic: Traffic,
    *,
    cover_ids: pa.Array,
    titles: pa.Array,
    clicked: Flags,
    dwell: Ints,
    propensity: Floats,
    policy: Strings,
) -> pa.Table:
    """Put ids, times and titles to the columns; ids are ``<day>-<user>-<request>-<position>``."""
    midnight = int(datetime.combine(day, time(), UTC).timestamp()) * 1_000_000
    users = pa.array(world.user_ids, pa.string()).take(pa.array(traffic.user))
    requests = pc.binary_join_element_wise(f"{day:%Y%m%d}", users, pa.array(traffic.request).cast(pa.string()), "-")
    columns = {
        "impression_id": pc.binary_join_element_wise(requests, pa.array(traffic.position).cast(pa.string()), "-"),
        "request_id": requests,
        "ts": pa.array(midnight + traffic.microsecond).cast(pa.timestamp("us", tz="UTC")),
        "user_id": users,
        "item_id": pa.array(world.items.item_ids, pa.string()).take(pa.array(traffic.item)),
        "cover_id": cover_ids,
        "position": pa.array(traffic.position.astype(np.int32)),
        "clicked": pa.array(clicked),
        "title": titles,
        "dwell_ms": pa.array(dwell, mask=~clicked),
        "propensity": pa.array(propensity),
        "policy": pa.array(policy.tolist(), pa.string()),
    }
    return pa.table(columns, schema=FILE_SCHEMA)
