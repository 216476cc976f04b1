"""Everybody is shown what the world says they like best, so that every figure is known."""

from dataclasses import replace

import numpy as np
import pytest

from conf.settings import GenerationSettings
from jobs.features.log import read_catalogue
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES
from recsys_eval.comparison.cast import Cast, Sizes
from recsys_eval.comparison.eyes import ENCODED, STYLE, SUBJECT
from recsys_eval.comparison.figures import (
    NOBODY,
    REAL,
    SEGMENT,
    SWAPPED,
    Gallery,
    Lab,
    appearances,
    owners,
    segment_audience,
    slices_of,
    truth,
    user_audience,
)
from recsys_eval.comparison.pictures import Seen
from recsys_eval.comparison.plan import Painters
from recsys_eval.comparison.planning import Source, plan_of
from recsys_eval.people.events import Events, People

SIZES = Sizes(users=8, items=3, groups=1, noise_users=1, seeds=1)


@pytest.fixture(scope="module")
def lab(people_night):
    """Pictures are drawings: a row for every unit, drawn by the family that ``drawn_by`` says."""
    ctx = people_night.ctx
    world = World(ctx.settings.world)
    cast = Cast.read(ctx, SIZES, seed=1)
    source = Source(
        ctx=ctx, cast=cast, events=Events.read(ctx.lake, ctx.ds), catalogue=read_catalogue(ctx.lake, None),
        world=world, seed=1,
    )  # fmt: skip
    painters = Painters(fingerprints={"profile": "f" * 16}, settings=GenerationSettings())
    plan = plan_of(source, painters, ["profile"], SIZES)
    items = world.item_index(cast.item_ids)
    rng = np.random.default_rng(0)
    subject = rng.normal(size=(3, 1, 128)) + 0.1 * rng.normal(size=(3, 6, 128))
    subject /= np.linalg.norm(subject, axis=-1, keepdims=True)
    encoded = np.concatenate([np.eye(128)[:3, None].repeat(6, 1), np.eye(32)[None, :6].repeat(3, 0)], axis=-1)
    gallery = Gallery(
        style=np.broadcast_to(np.eye(6), (3, 6, 6)).copy(), subject=subject, encoded=encoded,
        drawn=world.items.drawn[items],
    )  # fmt: skip
    names = list(plan.units)
    seen = Seen(row={name: row for row, name in enumerate(names)}, pixels=np.zeros((len(names), 1)), looks={})
    lab = Lab(
        world=world, cast=cast, plan=plan, seen=seen, gallery=gallery, methods=("profile",),
        everybody=People.everybody(ctx), resamples=20, seed=1,
    )  # fmt: skip
    family = world.items.default[items][lab.item_of]
    looks = {STYLE: np.eye(6)[family], SUBJECT: subject[lab.item_of, family], ENCODED: encoded[lab.item_of, family]}
    return replace(lab, seen=replace(seen, looks=looks))


def showing_best(lab, audience):
    """The same audience, shown its best drawing in every cell; and a lab whose pictures are all drawings."""
    items = np.arange(len(lab.items))
    rows = items[None, :] * len(FAMILIES) + audience.drawn.family
    every = np.repeat(items, len(FAMILIES))
    family = np.tile(np.arange(len(FAMILIES)), len(items))
    looks = {
        STYLE: np.eye(6)[family],
        SUBJECT: lab.gallery.subject[every, family],
        ENCODED: lab.gallery.encoded[every, family],
    }
    drawings = replace(lab, seen=replace(lab.seen, looks=looks))
    drawings.__dict__["item_of"] = every
    return drawings, replace(audience, shown={"profile": [rows]})


@pytest.mark.parametrize("audience_of", [segment_audience, user_audience])
def test_originals_gain_nothing_and_best_drawings_close_the_gap(lab, audience_of):
    audience = audience_of(lab)
    everybody = np.ones(len(audience.users), bool)
    nothing = truth(lab, audience, everybody)
    assert nothing.gap_closed("profile").value == pytest.approx(0)
    assert nothing.lift("profile").value == pytest.approx(0)
    drawings, best = showing_best(lab, audience)
    assert truth(drawings, best, everybody).gap_closed("profile").value == pytest.approx(1)


def test_a_real_drawing_in_the_favourite_family_is_all_that_a_cover_can_be(lab):
    audience = user_audience(lab)
    drawings, best = showing_best(lab, audience)
    favourite = np.broadcast_to(audience.favourite[:, None], audience.drawn.family.shape)
    rows = np.arange(len(lab.items))[None, :] * len(FAMILIES) + favourite
    found = dict(appearances(drawings, replace(best, shown={"profile": [rows]})))
    assert found["style"].share("profile", REAL).value == 1
    assert found["subject"].share("profile", REAL).value == 1
    assert found["distance"].mean("profile").value == pytest.approx(0)
    assert found["distance"].mean("original").value > 0


def test_controls_are_of_the_same_cells(lab):
    segments, users = segment_audience(lab), user_audience(lab)
    assert set(segments.shown) == {"profile", f"profile: {NOBODY}", f"profile: {SWAPPED}"}
    assert set(users.shown) == {"profile", f"profile: {NOBODY}", f"profile: {SWAPPED}", f"profile: {SEGMENT}"}
    own, theirs = users.shown["profile"][0], users.shown[f"profile: {SEGMENT}"][0]
    place = {name: row for row, name in enumerate(segments.people.ids)}
    for row, user in enumerate(users.people.ids):
        assert theirs[row].tolist() == segments.shown["profile"][0][place[user]].tolist()
    swapped = users.shown[f"profile: {SWAPPED}"][0]
    assert sorted(map(tuple, swapped)) == sorted(map(tuple, own))


def test_owners_of_equal_pictures_are_all_alike(lab):
    (matrix,) = owners(lab, user_audience(lab), "profile")
    np.testing.assert_allclose(matrix, matrix[:, :1].repeat(matrix.shape[1], axis=1))


def test_slices_are_users_by_clicks():
    people = People(as_of=None, ids=("a", "b", "c"), clicks=np.array([0, 2, 12]), segment=("s",) * 3)
    found = slices_of(people, "user")
    assert found["3 clicks or more"].tolist() == [False, False, True]
    assert list(slices_of(people, "segment")) == ["all"]
