"""A small comparison whose pictures are real drawings, so that every figure is known."""

from dataclasses import replace

import numpy as np

from conf.settings import GenerationSettings
from jobs.features.log import read_catalogue
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES
from recsys_eval.comparison.arms import Arm
from recsys_eval.comparison.cast import Cast, Sizes
from recsys_eval.comparison.eyes import (
    ENCODED,
    PERCEPTUAL,
    PLAIN_STYLE,
    PLAIN_SUBJECT,
    POOLED,
    SHAPE,
    SIMILAR,
    STYLE,
    SUBJECT,
)
from recsys_eval.comparison.figures.gallery import Among, Gallery, Lab
from recsys_eval.comparison.pictures import Seen
from recsys_eval.comparison.plan import Painters
from recsys_eval.comparison.planning import Source, plan_of
from recsys_eval.people.events import Events, People

SIZES = Sizes(users=8, items=3, groups=1, noise_users=1, seeds=1)
PROFILE = Arm(name="profile", method="profile", folder=None, ablation=None, fingerprint="f" * 16)
LOOKS = (STYLE, SUBJECT, ENCODED, POOLED, PLAIN_STYLE, PLAIN_SUBJECT, SHAPE, PERCEPTUAL, SIMILAR)


def unit_vectors(rng, *shape):
    """Random directions."""
    found = rng.normal(size=shape)
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


def make_gallery(drawn, codes, default):
    """Every family draws its own style, one network, and what is seen of a drawing differs by item and family."""
    items = len(codes)
    rng = np.random.default_rng(0)
    subject = unit_vectors(rng, items, 1, 128) + 0.02 * unit_vectors(rng, items, 6, 128)
    subject /= np.linalg.norm(subject, axis=-1, keepdims=True)
    plain = unit_vectors(rng, items, 1, 1, 64) + 0.02 * unit_vectors(rng, items, 6, 1, 64)
    plain /= np.linalg.norm(plain, axis=-1, keepdims=True)
    of_item, of_family = np.eye(128)[:items, None].repeat(6, 1), np.eye(32)[None, :6].repeat(items, 0)
    family = np.arange(6)
    at_item, at_family = np.nonzero(drawn)
    apart = np.abs(family[None, :] - default[:, None]).astype(float)
    return Gallery(
        style=np.broadcast_to(np.eye(6), (items, 6, 6)).copy(),
        subject=subject,
        encoded=np.concatenate([of_item, of_family], axis=-1),
        pooled=np.concatenate([of_item, of_family], axis=-1),
        plain_style=np.broadcast_to(family[None, :, None], (items, 6, 1)).astype(float),
        plain_subject=plain,
        shape=np.broadcast_to(1.0 + family[None, :, None], (items, 6, 3)).copy(),
        perceptual=apart,
        similar=1 / (1 + apart),
        drawn=drawn,
        among=Among(
            codes=np.array(codes)[at_item],
            families=at_family,
            subject=subject[at_item, at_family].astype(np.float32),
            plain=plain[at_item, at_family].astype(np.float32),
        ),
    )


def looks_of(gallery, item, family):
    """What is seen of pictures that are drawings."""
    return {
        STYLE: np.eye(6)[family],
        SUBJECT: gallery.subject[item, family].astype(np.float32),
        ENCODED: gallery.encoded[item, family],
        POOLED: gallery.pooled[item, family],
        PLAIN_STYLE: gallery.plain_style[item, family].astype(np.int8),
        PLAIN_SUBJECT: gallery.plain_subject[item, family].astype(np.float32),
        SHAPE: gallery.shape[item, family],
        PERCEPTUAL: np.abs(np.arange(6)[None, :] - family[:, None]).astype(float),
        SIMILAR: gallery.similar[item, family],
    }


def source_of(night, sizes=SIZES):
    """Of a small night of stickers."""
    ctx = night.ctx
    return Source(
        ctx=ctx,
        cast=Cast.read(ctx, sizes, seed=1),
        events=Events.read(ctx.lake, ctx.ds),
        catalogue=read_catalogue(ctx.lake, None),
        world=World(ctx.settings.world),
        seed=1,
    )


def make_lab(night):
    """Everybody is shown the originals, bit for bit."""
    source = source_of(night)
    world, cast = source.world, source.cast
    plan = plan_of(source, Painters(arms={"profile": PROFILE}, settings=GenerationSettings()), SIZES)
    items = world.item_index(cast.item_ids)
    gallery = make_gallery(world.items.drawn[items], cast.item_ids, world.items.default[items])
    names = list(plan.units)
    seen = Seen(row={name: row for row, name in enumerate(names)}, pixels=np.zeros((len(names), 1)), looks={})
    lab = Lab(
        world=world,
        cast=cast,
        plan=plan,
        seen=seen,
        gallery=gallery,
        methods=("profile",),
        everybody=People.everybody(night.ctx),
        resamples=20,
        seed=1,
    )
    family = lab.default[lab.item_of]
    pixels = pixels_of(lab, lab.item_of, family)
    return replace(lab, seen=replace(seen, looks=looks_of(gallery, lab.item_of, family), pixels=pixels))


def pixels_of(lab, item, family):
    """Drawings; white where a family draws none."""
    pack, codes = lab.world.items.pack, lab.cast.item_ids
    blank = np.full((64, 64, 3), 255, np.uint8)
    return np.stack(
        [
            pack.pixels(codes[i], FAMILIES[f]) if lab.gallery.drawn[i, f] else blank
            for i, f in zip(item, family, strict=True)
        ]
    )


def showing(lab, audience, family):
    """The same lab and audience, where everybody is shown the drawing by a family, ``(U, I)`` numbers."""
    items = np.arange(len(lab.items))
    every, families = np.repeat(items, 6), np.tile(np.arange(6), len(items))
    seen = replace(lab.seen, looks=looks_of(lab.gallery, every, families), pixels=pixels_of(lab, every, families))
    drawings = replace(lab, seen=seen)
    drawings.__dict__["item_of"] = every
    rows = items[None, :] * 6 + family
    return drawings, replace(audience, shown={"profile": [rows]})


def favourites(lab, audience):
    """(U, I) the family that each user's audience likes best."""
    return np.broadcast_to(audience.favourite[:, None], audience.drawn.family.shape)
