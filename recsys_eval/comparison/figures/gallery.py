"""The pictures of a comparison with all that was seen in them, beside the real drawings of their items."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jobs.lake.arrays import Flags, Floats, Floats32, Ints, Strings
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES
from recsys_eval.comparison.cast import Cast
from recsys_eval.comparison.eyes import (
    ENCODED,
    PLAIN_STYLE,
    PLAIN_SUBJECT,
    POOLED,
    SHAPE,
    STYLE,
    SUBJECT,
    Eyes,
)
from recsys_eval.comparison.pictures import Seen
from recsys_eval.comparison.plan import Plan, Table
from recsys_eval.judge.image_metrics import subject_ranks
from recsys_eval.panel.structure import ssim
from recsys_eval.people.events import People


@dataclass(frozen=True, kw_only=True)
class Among:
    """Real drawings of all held-out subjects, to look a picture's subject up in. ``D`` drawings."""

    codes: Strings
    """(D,) subjects."""
    families: Ints
    """(D,)"""
    subject: Floats32
    """(D, 128) by the judge."""
    plain: Floats32
    """(D, K, 64) by the plain networks."""

    def ranks(self, embeddings: Floats32, codes: Strings, gallery: Floats32) -> Ints:
        """(N, 6) place of the right subject, from 1, were the picture in each family: its drawings are left out.

        0 where the subject has no drawing by another family. Parameters are of N pictures, and of the D drawings.
        """
        found = np.zeros((len(embeddings), len(FAMILIES)), np.int64)
        for family in range(len(FAMILIES)):
            known = np.isin(codes, self.codes[self.families != family])
            found[known, family] = subject_ranks(
                embeddings[known],
                codes[known],
                gallery,
                self.codes,
                query_families=np.full(int(known.sum()), family),
                gallery_families=self.families,
            )
        return found


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Real drawings of the items as painted covers are seen. ``I`` items; NaN or False where a family draws none."""

    drawn: Flags
    """(I, 6)"""
    style: Floats
    """(I, 6, 6) the judge's probabilities of each family's drawing."""
    subject: Floats
    """(I, 6, 128) where the judge sees it among subjects."""
    encoded: Floats
    """(I, 6, 160) by the encoder."""
    pooled: Floats
    """(I, 6, 352) means of the judge's feature maps."""
    plain_style: Floats
    """(I, 6, K)"""
    plain_subject: Floats
    """(I, 6, K, 64)"""
    shape: Floats
    """(I, 6, 3)"""
    perceptual: Floats
    """(I, 6) distance of the item's original to each drawing."""
    similar: Floats
    """(I, 6) SSIM of each drawing to the item's original."""
    among: Among

    @classmethod
    def of(cls, world: World, cast: Cast, eyes: Eyes) -> "Gallery":
        """Look at every drawing of the items, and at where all held-out subjects lie."""
        pack, items = world.items.pack, cast.item_ids
        at = [(i, FAMILIES.index(name)) for i, code in enumerate(items) for name in pack.families_of(code)]
        rows = tuple(np.array(at, np.int64).T)
        pixels = np.stack([pack.pixels(items[i], FAMILIES[f]) for i, f in at])
        seen, features = eyes.seen(pixels)
        originals = eyes.judge.features(cast.pixels)
        drawn = np.zeros((len(items), len(FAMILIES)), bool)
        drawn[rows] = True

        def table(values: Floats32) -> Floats:
            found = np.full((*drawn.shape, *values.shape[1:]), np.nan)
            found[rows] = values
            return found

        return cls(
            drawn=drawn,
            style=table(seen[STYLE]),
            subject=table(seen[SUBJECT]),
            encoded=table(seen[ENCODED]),
            pooled=table(seen[POOLED]),
            plain_style=table(seen[PLAIN_STYLE]),
            plain_subject=table(seen[PLAIN_SUBJECT]),
            shape=table(seen[SHAPE]),
            perceptual=table(np.square(features - originals[rows[0]]).sum(axis=1)),
            similar=table(ssim(pixels, cast.pixels[rows[0]]).astype(np.float32)),
            among=_among(world, eyes),
        )


def _among(world: World, eyes: Eyes) -> Among:
    pack = world.items.pack
    keys = [(code, name) for code in pack.codes("held_out") for name in pack.families_of(code)]
    parts = [np.stack([pack.pixels(*key) for key in keys[first : first + 256]]) for first in range(0, len(keys), 256)]
    return Among(
        codes=np.array([code for code, _ in keys]),
        families=np.array([FAMILIES.index(name) for _, name in keys], np.int64),
        subject=np.concatenate([eyes.judge.subject_embedding(part) for part in parts]),
        plain=np.concatenate([np.stack([plain(part)[1] for plain in eyes.plain], axis=1) for part in parts]),
    )


@dataclass(frozen=True, kw_only=True)
class Lab:
    """Everything that figures are computed from. ``N`` pictures."""

    world: World
    cast: Cast
    plan: Plan
    seen: Seen
    gallery: Gallery
    methods: tuple[str, ...]
    """Arms, in the order of the tables."""
    everybody: People
    """All users of the night: what a segment likes best is what all its members do."""
    resamples: int
    seed: int

    @cached_property
    def items(self) -> Ints:
        """(I,) numbers in the world."""
        return self.world.item_index(self.cast.item_ids)

    @cached_property
    def default(self) -> Ints:
        """(I,) family of each item's original."""
        return np.asarray(self.world.items.default[self.items], np.int64)

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

    @cached_property
    def ranks(self) -> Ints:
        """(N, 6) place of a picture's subject among the held-out ones by the judge, were it in each family."""
        among = self.gallery.among
        return among.ranks(self.seen.looks[SUBJECT], np.array(self.cast.item_ids)[self.item_of], among.subject)

    @cached_property
    def real_ranks(self) -> Ints:
        """(I, 6) the same of the real drawings; 0 without one."""
        return self._of_drawings(self.gallery.subject, self.gallery.among.subject)

    @cached_property
    def plain_found(self) -> Floats:
        """(N, 6) share of the plain networks that find a picture's subject first, were it in each family."""
        codes, plain = np.array(self.cast.item_ids)[self.item_of], self.seen.looks[PLAIN_SUBJECT].astype(np.float32)
        looked = np.isfinite(plain).all(axis=(1, 2))
        found = np.full((len(plain), len(FAMILIES)), np.nan)
        hits = [
            self.gallery.among.ranks(plain[looked, k], codes[looked], self.gallery.among.plain[:, k]) == 1
            for k in range(plain.shape[1])
        ]
        found[looked] = np.mean(hits, axis=0)
        return found

    @cached_property
    def real_plain_found(self) -> Floats:
        """(I, 6) the same of the real drawings."""
        networks = range(self.gallery.among.plain.shape[1])
        hits = [
            self._of_drawings(self.gallery.plain_subject[:, :, k], self.gallery.among.plain[:, k]) == 1
            for k in networks
        ]
        return np.asarray(np.mean(hits, axis=0), np.float64)

    def _of_drawings(self, embeddings: Floats, gallery: Floats32) -> Ints:
        """(I, 6) ranks of drawings, each left out of what it is looked up in with all of its family."""
        codes, item, family = np.array(self.cast.item_ids), *np.nonzero(self.gallery.drawn)
        found = np.zeros(self.gallery.drawn.shape, np.int64)
        every = self.gallery.among.ranks(embeddings[item, family].astype(np.float32), codes[item], gallery)
        found[item, family] = every[np.arange(len(item)), family]
        return found

    def numbers(self, people: People) -> Ints:
        """Numbers of users in the world."""
        return self.world.user_index(people.ids)

    def rows_for(self, table: Table, whom: Sequence[str]) -> Ints:
        """(U, I) rows of the pictures that a table has for each of some segments or users, -1 without one."""
        place = {name: row for row, name in enumerate(table.whom)}
        return self.seen.rows(table.units[[place[name] for name in whom]])
