"""Styles of this night are one-hot families, and a stored preference is the true taste: choosers can be checked."""

import numpy as np
import polars as pl
import pytest

from jobs.simulator.model import World
from recsys_eval.people.choosers import CHOOSERS, Evidence, family_styles
from recsys_eval.people.events import Events, People
from tests.support.worlds.sticker_night import DS


@pytest.fixture(scope="module")
def known(people_night):
    world = World(people_night.ctx.settings.world)
    return Evidence.read(
        people_night.ctx, People.everybody(people_night.ctx), Events.read(people_night.lake, DS), world
    )


def test_the_mean_style_of_a_family_is_that_of_its_drawings(known):
    world = World(known.ctx.settings.world)
    np.testing.assert_allclose(family_styles(world, known.catalogue)[:, :6], np.eye(6), atol=1e-6)


def test_the_segments_profile_chooses_what_it_points_to(known):
    worth = CHOOSERS["segment"].worth(known)
    assert worth.argmax(axis=1).tolist() == [int(name[1:]) for name in known.people.segment]


def test_everybody_is_told_the_same_family(known):
    assert len(set(CHOOSERS["everybody"].worth(known).argmax(axis=1))) == 1


@pytest.mark.parametrize("name", ["rocchio", "fitted", "masked", "graph", "graph's codes"])
def test_a_users_own_events_choose_the_family_that_they_clicked(known, name):
    rows = known.events.frame.head(2)
    place = known.people.ids.index(rows["user_id"][0])
    world = World(known.ctx.settings.world)
    liked, other = world.items.cover_ids[0, 2], world.items.cover_ids[0, 4]
    told = rows.with_columns(
        user_id=pl.lit(rows["user_id"][0]),
        cover_id=pl.Series([str(liked), str(other)]),
        clicked=pl.Series([True, False]),
    )
    one = known.of(known.people.take(np.array([place])), Events(frame=told))
    assert CHOOSERS[name].worth(one).argmax() == 2


def test_own_and_segment_is_the_segments_without_a_click(known):
    nobody = known.of(
        People(as_of=DS, ids=known.people.ids, clicks=np.zeros(160, int), segment=known.people.segment), known.events
    )
    assert (
        CHOOSERS["own and segment"].worth(nobody).argmax(1).tolist()
        == CHOOSERS["segment"].worth(nobody).argmax(1).tolist()
    )


def test_the_fit_is_one_step_of_newton_by_hand(known):
    """One click on family 2 at position 1: with x = e_2 - 1/6, (p (1 - p) x x^T + I / s^2)^-1 (1 - p) x."""
    rows = known.events.frame.head(1)
    world = World(known.ctx.settings.world)
    item = world.items.item_ids[0]
    one_event = rows.with_columns(
        item_id=pl.lit(item),
        cover_id=pl.lit(str(world.items.cover_ids[0, 2])),
        clicked=pl.lit(True),
        position=pl.lit(1),
    )
    place = known.people.ids.index(rows["user_id"][0])
    one = known.of(known.people.take(np.array([place])), Events(frame=one_event))
    p, prior = 0.05, 0.8  # every item's debiased rate in this night
    x = np.eye(6)[2] - 1 / 6
    # Sherman and Morrison: (c x x^T + I / s^2)^-1 x = x s^2 / (1 + c s^2 x.x)
    expected = (1 - p) * x * prior**2 / (1 + p * (1 - p) * prior**2 * (x @ x))
    np.testing.assert_allclose(CHOOSERS["fitted"].worth(one)[0], expected)


def test_pigeon_is_told_what_the_user_clicked_and_skipped(known):
    some = known.of(known.people.take(np.arange(3)), known.events)
    shown = [len(some.events.of(user)) for user in some.people.ids]
    assert some.histories[:, :, 163].sum(axis=1).tolist() == shown
    worth = CHOOSERS["pigeon"].worth(some)
    assert worth.shape == (3, 6)
    assert np.isfinite(worth).all()
