"""What the packaged encoder and the night's click model say of covers: rewards look through both, so both flatter.

CS is the cosine of a picture to words and CIS that to a picture, in the papers' sense and not CLIP's: by the packaged
encoder, in the space that pictures and titles share (CLIPScore: Hessel et al., EMNLP 2021; both as Pigeon and DPPMG
report them). ``history`` compares with the covers that the user clicked in 28 days, and with the titles of their items.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.rewards.relevance import REFERENCE_SHARE
from jobs.features.log import Catalogue
from jobs.lake.arrays import Floats, Floats32, Ints
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import EMBED_DIM
from recsys_eval.arm_names import ORIGINAL
from recsys_eval.comparison.eyes import ENCODED
from recsys_eval.comparison.figures.audience import Audience
from recsys_eval.comparison.figures.gallery import Lab
from recsys_eval.comparison.figures.worth import Means, resampled_means
from recsys_eval.people.events import Events, vectors_of_events
from reward_model.encoders.model import TextEncoder
from reward_model.scorer import PersonalScorer

PAIRS = 65536
"""Pairs of a user and a cover that the click model is asked about at a time."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """What items are called and what users clicked, in the space of pictures and titles."""

    titles: Floats
    """(I, 128) of the compared items."""
    clicked_covers: Mapping[str, Floats]
    """(128,) mean vector of the covers that a user clicked; users without a click are not there."""
    clicked_titles: Mapping[str, Floats]
    """(128,) mean vector of their items' titles."""

    @classmethod
    def read(
        cls, lake: Lake, text: TextEncoder, titles: Sequence[str], users: Sequence[str], events: Events,
        catalogue: Catalogue,
    ) -> "Words":  # fmt: skip
        """Of the titles of the compared items, and of what some users clicked."""
        items = lake.read("items", columns=["item_id", "title"])
        names = dict(zip(items["item_id"].to_pylist(), items["title"].to_pylist(), strict=True))
        clicked = {user: events.of(user).filter(events.of(user)["clicked"]) for user in users}
        known = sorted({item for rows in clicked.values() for item in rows["item_id"]} & set(names))
        vectors = text.encode([*titles, *(names[item] for item in known)])[1].astype(np.float64)
        of_item = dict(zip(known, vectors[len(titles) :], strict=True))
        covers: dict[str, Floats] = {}
        words: dict[str, Floats] = {}
        for user, rows in clicked.items():
            seen = vectors_of_events(rows, catalogue)[:, :EMBED_DIM]
            seen = seen[np.isfinite(seen).all(axis=1)]
            said = [of_item[item] for item in rows["item_id"] if item in of_item]
            if len(seen) and said:
                covers[user], words[user] = seen.mean(axis=0), np.mean(said, axis=0)
        return cls(titles=vectors[: len(titles)], clicked_covers=covers, clicked_titles=words)


def encoder_scores(
    lab: Lab, audience: Audience, words: Words, scorer: PersonalScorer | None
) -> Iterator[tuple[str, Means | None]]:
    """CS, CIS, both to the history, relevance and the personal reward; of the originals and of every method.

    ``scorer`` is the night's click model; None leaves the personal reward out.
    """
    reference = lab.gallery.encoded[np.arange(len(lab.items)), lab.default]
    items = np.arange(len(lab.items))

    def cosine(vectors: Floats, wanted: Floats) -> Floats:
        return np.asarray((vectors[..., :EMBED_DIM] * wanted[..., :EMBED_DIM]).sum(axis=-1), np.float64)

    def liked(found: Mapping[str, Floats]) -> Floats:
        nothing = np.full(EMBED_DIM, np.nan)
        return np.stack([found.get(user, nothing) for user in audience.people.ids])

    covers, titles = liked(words.clicked_covers), liked(words.clicked_titles)
    scores: dict[str, Callable[[Floats, Ints, Ints], Floats]] = {
        "CS to the title": lambda vectors, item, user: cosine(vectors, words.titles[item]),
        "CIS to the original": lambda vectors, item, user: cosine(vectors, reference[item]),
        "history CS": lambda vectors, item, user: cosine(vectors, titles[user]),
        "history CIS": lambda vectors, item, user: cosine(vectors, covers[user]),
        "relevance": lambda vectors, item, user: np.asarray(
            REFERENCE_SHARE * cosine(vectors, reference[item])
            + (1 - REFERENCE_SHARE) * cosine(vectors, words.titles[item])
        ),
    }
    if scorer is not None:
        scores["personal reward"] = _Asked(lab, audience, scorer)
    shape = (len(audience.users), len(items))
    item, user = np.broadcast_to(items, shape), np.broadcast_to(np.arange(len(audience.users))[:, None], shape)
    for name, score in scores.items():
        arms: dict[str, Floats] = {ORIGINAL: np.asarray(score(reference[item], item, user), np.float64)[None]}
        for arm in lab.methods:
            layers = []
            for table in audience.shown[arm]:
                values, at = np.full(shape, np.nan), table >= 0
                values[at] = score(lab.seen.looks[ENCODED][table[at]].astype(np.float64), item[at], user[at])
                layers.append(values)
            arms[arm] = np.stack(layers)
        yield name, resampled_means(arms, audience.weight, resamples=lab.resamples, seed=lab.seed)


class _Asked:
    """The click model's probability of pictures for users of an audience."""

    def __init__(self, lab: Lab, audience: Audience, scorer: PersonalScorer) -> None:
        self.codes, self.scorer = np.array(lab.cast.item_ids, object), scorer
        self.states = scorer.states_of(audience.people.ids)

    def __call__(self, vectors: Floats, item: Ints, user: Ints) -> Floats:
        flat = vectors.reshape(-1, vectors.shape[-1]).astype(np.float32)
        items, users = self.codes[item.reshape(-1)], user.reshape(-1)
        parts = [self._some(flat[s], items[s], users[s]) for s in _slices(len(flat))]
        found: Floats = np.concatenate([np.zeros(0), *parts]).reshape(item.shape)
        return found

    def _some(self, vectors: Floats32, items: NDArray[np.object_], users: Ints) -> Floats:
        found: Floats = self.scorer.state_click_probability(
            self.states, users, items.tolist(), vectors[:, :EMBED_DIM], vectors[:, EMBED_DIM:]
        )
        return found


def _slices(count: int) -> list[slice]:
    return [slice(start, start + PAIRS) for start in range(0, count, PAIRS)]
