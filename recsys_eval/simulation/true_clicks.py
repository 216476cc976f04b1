"""True click probabilities of impressions in the stickers world (simulated): what a ranker could attain.

A drawing that exists is its family's; a painted cover is what the judge sees, as on the played day.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from jobs.lake.arrays import Floats, Ints
from jobs.lake.context import Context
from jobs.simulator.model import World
from jobs.simulator.wording import KINDS, PLAIN
from jobs.stickers.pack import FAMILIES
from recsys_eval.judge.appearance import appearance
from recsys_eval.judge.judgements import CachedJudge
from recsys_eval.ranking.features import ImpressionFeatures
from recsys_eval.simulation.painted import read_pixels


class WorldClicks:
    """The world's click probabilities; position is left out.

    Parameters
    ----------
    ctx
        Of the night: its settings make the world, its pictures and judgements say how painted covers look.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @cached_property
    def world(self) -> World:
        """The world that the log came from."""
        return World(self._ctx.settings.world)

    @cached_property
    def _family(self) -> dict[str, int]:
        """Family of each drawing, by cover id."""
        items, families = np.nonzero(self.world.items.drawn)
        return dict(zip(self.world.items.cover_ids[items, families].tolist(), families.tolist(), strict=True))

    def as_shown(self, impressions: ImpressionFeatures) -> Floats:
        """(n,) on the cover and the words of the log."""
        return self._probability(impressions, impressions.logged_row, self._wording(impressions))

    def of_covers(self, impressions: ImpressionFeatures, cover_row: Ints) -> Floats:
        """(n,) on covers by row in the table of covers, with the plain title."""
        return self._probability(impressions, cover_row, np.full(len(impressions), PLAIN))

    def _probability(self, impressions: ImpressionFeatures, cover_row: Ints, wording: Ints) -> Floats:
        users = self.world.user_index(impressions.frame["user_id"].to_list())
        items = self.world.item_index(impressions.frame["item_id"].to_list())
        pairs, place = np.unique(np.stack([cover_row, items]), axis=1, return_inverse=True)
        ids = impressions.sources.covers.ids.take(pairs[0] - 1).to_pylist()
        styles, similarity = self._looks(ids, [self.world.items.item_ids[item] for item in pairs[1]])
        place = place.reshape(-1)
        return self.world.click_probability(users, items, styles[place], similarity[place], wording)

    def _looks(self, cover_ids: Sequence[str], codes: Sequence[str]) -> tuple[Floats, Floats]:
        """Style probabilities (P, 6) and similarity to the subject (P,) of covers of items."""
        family = np.array([self._family.get(cover, -1) for cover in cover_ids], np.int64)
        styles, similarity = np.eye(len(FAMILIES))[np.maximum(family, 0)], np.ones(len(family))
        painted = np.flatnonzero(family < 0)
        if painted.size:
            judge = CachedJudge.open(self._ctx.lake)
            pixels = read_pixels(self._ctx.images, [cover_ids[row] for row in painted])
            seen = appearance(judge, self.world.items.pack, [codes[row] for row in painted], pixels)
            judge.save(self._ctx.lake)
            styles[painted], similarity[painted] = seen.style_probs, seen.similarity
        return styles, similarity

    def _wording(self, impressions: ImpressionFeatures) -> Ints:
        """(n,) kind of the words shown; plain where they are not the world's."""
        users = self.world.user_index(impressions.frame["user_id"].to_list())
        items = self.world.item_index(impressions.frame["item_id"].to_list())
        shown = impressions.frame["title"].fill_null("").to_numpy()
        titles = np.array(self.world.titles, object)
        kind = np.full(len(users), PLAIN)
        for number in reversed(range(len(KINDS))):
            place = (self.world.users.language[users] * len(KINDS) + number) * self.world.items.size + items
            kind = np.where(titles[place] == shown, number, kind)
        return kind
