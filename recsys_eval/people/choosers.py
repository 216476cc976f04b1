"""Ways to tell which family of drawings somebody likes, before anything is painted.

Each answers for users with a worth of every family, (U, 6); the greatest is the family it would paint in. A new
preference model is one more entry of ``CHOOSERS``: ``coverlift study user-liking`` prints what it is worth.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from torch import Tensor

from generation.catalogue import CoverVectors, items_with_default, segment_profiles
from generation.personalization.dppmg.graph import VISUAL
from generation.personalization.dppmg.preferences import features_of, read_preferences
from generation.personalization.dppmg.quantise import Quantiser
from generation.personalization.dppmg.tokens import graph_of_events, weights_of
from generation.personalization.methods import shipped_weights
from generation.personalization.pigeon.checkpoint import read_pigeon
from generation.personalization.pigeon.personal import Reading
from generation.types import HISTORY_DIM, HISTORY_EVENTS
from generation.user_history import history_of_events
from jobs.features.log import Catalogue, read_catalogue
from jobs.lake.arrays import Floats, Floats32
from jobs.lake.context import Context
from jobs.lake.examination import read_examination
from jobs.lake.schema.columns import EMBED_DIM
from jobs.lake.splits import split_of
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES
from recsys_eval.people.events import Events, People, vectors_of_events
from reward_model.network.user_state import MICROSECONDS_A_DAY, History, States, rows_of
from reward_model.scorer import PersonalScorer

ASKED_ITEMS = 12
"""Items as whose covers the click model is asked about each family."""
PRIOR = 0.8
"""Standard deviation of a user's liking of a family, logits: what is assumed before anything is seen."""
OWN_CLICKS = 5.0
"""Clicks at which a user's own vector counts as much as their segment's."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of users and of families: what a chooser may look at. No true taste is among it."""

    ctx: Context
    people: People
    events: Events
    catalogue: Catalogue
    styles: Floats
    """(6, 32) mean style of each family's drawings of items for training."""

    @classmethod
    def read(cls, ctx: Context, people: People, events: Events, world: World) -> "Evidence":
        """Of some users."""
        catalogue = read_catalogue(ctx.lake, ctx.settings.features.encoder_id)
        return cls(ctx=ctx, people=people, events=events, catalogue=catalogue, styles=family_styles(world, catalogue))

    def of(self, people: People, events: Events) -> "Evidence":
        """The same of other users, or of other events."""
        return replace(self, people=people, events=events)

    @cached_property
    def preference(self) -> Floats32:
        """(U, 160) of the users' own events."""
        return self.events.preferences(self.people.ids, self.catalogue)

    @cached_property
    def histories(self) -> Floats32:
        """(U, 48, 165) the users' own events as a painter is told them; zeros where nothing is known."""
        examination = read_examination(self.ctx.lake, self.people.as_of)
        nothing = np.zeros((HISTORY_EVENTS, HISTORY_DIM), np.float32)
        found = []
        for user in self.people.ids:
            rows = self.events.of(user)
            told = history_of_events(rows, vectors_of_events(rows, self.catalogue), examination, self.people.as_of)
            found.append(nothing if told is None else told)
        return np.stack(found)

    @cached_property
    def reading(self) -> Reading:
        """What Pigeon's shipped weights read from the histories."""
        pigeon = read_pigeon(shipped_weights("pigeon")).eval()
        with torch.inference_mode():
            found: Reading = pigeon.read(torch.from_numpy(self.preference), torch.from_numpy(self.histories))
        return found

    @cached_property
    def scorer(self) -> PersonalScorer:
        """The night's click model."""
        return PersonalScorer.of_champion(self.ctx, self.people.as_of)

    def worth(self, styles: Floats32) -> Floats:
        """(U, 6) inner products of style preferences (U, 32) with the families' mean styles, each taken centred."""
        centred = self.styles - self.styles.mean(axis=0)
        return np.asarray(styles.astype(np.float64) @ centred.T, np.float64)


def family_styles(world: World, catalogue: Catalogue) -> Floats:
    """(6, 32) mean style of each family's drawings of training items, as far as the night knows them."""
    train = np.array([split_of(code) == "train" for code in world.items.item_ids])
    found = []
    for family in range(len(FAMILIES)):
        covers = world.items.cover_ids[train & world.items.drawn[:, family], family]
        vectors = catalogue.vectors_of(pa.chunked_array([pa.array(covers.tolist(), pa.string())]))
        found.append(np.nanmean(vectors[:, catalogue.embeddings.shape[1] :], axis=0))
    return np.stack(found)


def everybody(known: Evidence) -> Floats:
    """One family for all: what the users like on average."""
    return np.tile(known.worth(known.preference[:, EMBED_DIM:].mean(axis=0, keepdims=True)), (len(known.people.ids), 1))


def segment(known: Evidence) -> Floats:
    """The profile of the user's segment, as ``profile`` paints it; the segment ``new`` has none."""
    return known.worth(_segment_styles(known))


def _segment_styles(known: Evidence) -> Floats32:
    profiles = {each.segment_id: each.pref_style for each, _ in segment_profiles(known.ctx.lake, known.people.as_of)}
    return np.stack([profiles[name] for name in known.people.segment])


def rocchio(known: Evidence) -> Floats:
    """The user's own vector: covers clicked minus covers skipped."""
    return known.worth(known.preference[:, EMBED_DIM:])


def own_and_segment(known: Evidence) -> Floats:
    """Both, each scaled to its spread over users; the user's own by the clicks c behind it: c / (c + 5)."""
    own, theirs = rocchio(known), segment(known)
    share = (known.people.clicks / (known.people.clicks + OWN_CLICKS))[:, None]
    return share * own / max(float(own.std()), 1e-12) + (1 - share) * theirs / max(float(theirs.std()), 1e-12)


def fitted(known: Evidence) -> Floats:
    r"""Liking of each family, fitted to what the user clicked beyond what position and item explain.

    One step of Newton's method from no taste, for a logistic regression with the prior N(0, ``PRIOR`` squared) of each
    family: with x a cover's families, y whether it was clicked, and p the examination of its position times its item's
    click-through rate, :math:`(\sum p (1 - p) x x^T + I / \sigma^2)^{-1} \sum (y - p) x`.
    """
    rates, examined = _item_rates(known), read_examination(known.ctx.lake, known.people.as_of)
    centred = known.styles - known.styles.mean(axis=0)
    found = np.zeros((len(known.people.ids), len(FAMILIES)))
    for row, user in enumerate(known.people.ids):
        events = known.events.of(user)
        vectors = known.catalogue.vectors_of(pa.chunked_array([_texts(events["cover_id"])]))[:, EMBED_DIM:]
        seen = ~np.isnan(vectors).any(axis=1)
        family = (vectors[seen] @ centred.T).argmax(axis=1)
        x = np.eye(len(FAMILIES))[family] - 1 / len(FAMILIES)
        item = np.array([rates.get(name, rates[""]) for name in events["item_id"]])[seen]
        p = np.clip(item * examined[np.minimum(events["position"].to_numpy()[seen], len(examined)) - 1], 1e-4, 0.9)
        y = events["clicked"].to_numpy()[seen].astype(np.float64)
        precision = (x * (p * (1 - p))[:, None]).T @ x + np.eye(len(FAMILIES)) / PRIOR**2
        found[row] = np.linalg.solve(precision, x.T @ (y - p))
    return found


def pigeon(known: Evidence) -> Floats:
    """The style preference that Pigeon reads from the user's own events and paints from."""
    return known.worth(known.reading.preference[:, EMBED_DIM:].numpy())


def masked(known: Evidence) -> Floats:
    """The user's own vector without the clicks that Pigeon's mask drops."""
    return known.worth(known.reading.masked.numpy())


def _item_rates(known: Evidence) -> dict[str, float]:
    """Click-through rate at position 1 by item; of any other item under the empty name."""
    table = known.ctx.lake.read("item_features", ds=known.people.as_of, columns=["item_id", "ctr_debiased"])
    rates = dict(zip(table["item_id"].to_pylist(), table["ctr_debiased"].to_pylist(), strict=True))
    return rates | {"": float(np.mean(list(rates.values())))}


def click_model(known: Evidence) -> Floats:
    """Mean log odds of the night's click model for covers in each family's mean style.

    It is told the users' events as they are given, preference and history; counts and affinities stay the night's.
    """
    frame = items_with_default(known.ctx.lake, known.people.as_of)
    frame = frame[[split_of(item) == "train" for item in frame["item_id"]]]
    frame = frame.iloc[:: max(1, len(frame) // ASKED_ITEMS)].head(ASKED_ITEMS)
    vectors = CoverVectors.read(known.ctx.lake, known.scorer.predictor.encoder_id, frame["reference_cover_id"])
    subject = vectors.embeddings[vectors.where(frame["reference_cover_id"])]
    users, families, items = len(known.people.ids), len(FAMILIES), len(frame)
    chance = known.scorer.state_click_probability(
        states_with(known),
        np.repeat(np.arange(users), families * items),
        frame["item_id"].tolist() * (users * families),
        np.tile(subject, (users * families, 1)),
        np.tile(np.repeat(known.styles.astype(np.float32), items, axis=0), (users, 1)),
    )
    return np.asarray(np.log(chance / (1 - chance)).reshape(users, families, items).mean(axis=2), np.float64)


def states_with(known: Evidence) -> States:
    """The users' states, with preference and history of the given events."""
    scorer = known.scorer
    states = scorer.states_of(known.people.ids)
    length = states.history.item.shape[1]
    end = datetime.combine(known.people.as_of + timedelta(days=1), datetime.min.time(), UTC).timestamp() * 1e6
    shape = states.history.item.shape
    history = History(
        cover=np.zeros(shape, np.int32),
        item=np.zeros(shape, np.int32),
        clicked=np.zeros(shape, np.bool_),
        age=np.zeros(shape, np.float32),
        position=np.zeros(shape, np.int32),
        present=np.zeros(shape, np.bool_),
    )
    for row, user in enumerate(known.people.ids):
        newest = known.events.of(user).reverse().head(length)
        kept = slice(0, len(newest))
        history.cover[row, kept] = rows_of(_texts(newest["cover_id"]), scorer.covers.ids)
        history.item[row, kept] = rows_of(_texts(newest["item_id"]), scorer.items.ids)
        history.clicked[row, kept] = newest["clicked"].to_numpy()
        history.age[row, kept] = (end - newest["ts"].dt.epoch("us").to_numpy()) / MICROSECONDS_A_DAY
        history.position[row, kept] = newest["position"].to_numpy()
        history.present[row, kept] = True
    return replace(states, preference=known.preference, history=history)


def graph(known: Evidence) -> Floats:
    """DPPMG's preference, propagated from the user's own events."""
    looks, nodes, _ = _looks(known)
    return np.asarray((looks @ nodes.T).double().numpy(), np.float64)


def graph_codes(known: Evidence) -> Floats:
    """What its codes stand for, all levels of them: before any is cut for privacy."""
    looks, nodes, quantiser = _looks(known)
    decoded = quantiser.decoded(quantiser.codes(looks))
    return np.asarray((decoded @ (nodes @ quantiser.directions()).T).double().numpy(), np.float64)


def _looks(known: Evidence) -> tuple[Tensor, Tensor, Quantiser]:
    """(U, width) preferences, zeros without events, and (6, width) vectors of the families' mean styles, centred."""
    lake, users = known.ctx.lake, list(known.people.ids)
    preferences = read_preferences(weights_of(known.ctx.settings), VISUAL)
    frame = known.events.frame.filter(pl.col("user_id").is_in(users))
    found = graph_of_events(lake, known.people.as_of, frame)
    features = features_of(lake, known.ctx.settings.features.encoder_id, VISUAL, found, {})
    told = preferences.of(found, features)
    place = {user: row for row, user in enumerate(found.users)}
    looks = torch.zeros(len(users), told.shape[1])
    for row, user in enumerate(users):
        if user in place:
            looks[row] = told[place[user]]
    centred = (known.styles - known.styles.mean(axis=0)).astype(np.float32)
    drawn = np.concatenate([np.zeros((len(centred), EMBED_DIM), np.float32), centred], axis=1)
    return looks, preferences.propagation.nodes(torch.from_numpy(drawn)), preferences.quantiser


def _texts(column: pl.Series) -> pa.Array:
    return column.to_arrow().cast(pa.string())


@dataclass(frozen=True, kw_only=True)
class Chooser:
    """A way to tell a user's favourite family."""

    about: str
    worth: Callable[[Evidence], Floats]
    own: bool
    """Whether it looks at the user's own events, so that noise in them matters."""


CHOOSERS: dict[str, Chooser] = {
    "everybody": Chooser(about="one family for all", worth=everybody, own=False),
    "segment": Chooser(about="the profile of the user's segment", worth=segment, own=False),
    "rocchio": Chooser(about="the user's own vector: clicked minus skipped", worth=rocchio, own=True),
    "own and segment": Chooser(
        about=f"both, the user's own by clicks / (clicks + {OWN_CLICKS:.0f})", worth=own_and_segment, own=True
    ),
    "fitted": Chooser(
        about="logistic regression on clicks beyond what position and item explain", worth=fitted, own=True
    ),
    "masked": Chooser(about="the own vector without the clicks that Pigeon's mask drops", worth=masked, own=True),
    "pigeon": Chooser(about="what Pigeon reads from the user's events", worth=pigeon, own=True),
    "graph": Chooser(about="DPPMG's graph over the user's own events", worth=graph, own=True),
    "graph's codes": Chooser(about="the same, as the codes of its quantiser", worth=graph_codes, own=True),
    "click model": Chooser(about="the night's click model over the families' mean styles", worth=click_model, own=True),
}
"""In the order of the table."""
