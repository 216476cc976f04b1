from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsys_eval.people.events import Events
from recsys_eval.people.noise import KINDS, Injector, false_clicks

START = datetime(2026, 3, 20, tzinfo=UTC)
FAVOURITE = {"ann": 0, "bob": 0, "cleo": 1, "dan": 1}


def shown(user, day, number, clicked):
    return {
        "user_id": user,
        "item_id": f"i{number}",
        "cover_id": f"{user}-{number}",
        "ts": START + timedelta(days=day, hours=number % 24),
        "position": 1 + number % 3,
        "clicked": clicked,
        "injected": False,
    }


@pytest.fixture
def events():
    rows = [shown(user, day, 4 * day + n, n < 2) for user in FAVOURITE for day in range(3) for n in range(4)]
    rows += [shown("eve", 2, 30, False)]
    return Events(frame=pl.DataFrame(rows).sort("user_id", "ts"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_false_clicks_are_the_share_of_all_clicks_and_true_rows_stay(events, kind, share):
    noisy = Injector(events, FAVOURITE, seed=1)("ann", kind, share)
    own = events.of("ann")
    injected = noisy.filter(pl.col("injected"))
    assert len(injected) == false_clicks(share, 6)
    assert abs(len(injected) / noisy["clicked"].sum() - share) < 0.06
    assert injected["clicked"].all()
    assert noisy.filter(~pl.col("injected")).equals(own)
    assert noisy["ts"].is_sorted()
    assert set(noisy["user_id"]) == {"ann"}


def test_household_noise_is_the_clicks_of_one_other_user_of_another_taste(events):
    inject = Injector(events, FAVOURITE, seed=2)
    for user, liked in FAVOURITE.items():
        lenders = {
            cover.split("-")[0] for cover in inject(user, "household", 0.4).filter(pl.col("injected"))["cover_id"]
        }
        assert len(lenders) == 1
        assert FAVOURITE[lenders.pop()] != liked


def test_random_noise_was_shown_on_days_on_which_the_user_clicked(events):
    only = events.frame.filter((pl.col("user_id") != "ann") | (pl.col("ts") < START + timedelta(days=1)))
    noisy = Injector(Events(frame=only), FAVOURITE, seed=3)("ann", "random", 0.6)
    assert {moment.date() for moment in noisy.filter(pl.col("injected"))["ts"]} == {START.date()}


def test_a_user_without_clicks_has_no_noise_and_the_same_seed_gives_the_same(events):
    inject = Injector(events, FAVOURITE, seed=4)
    assert inject("eve", "random", 0.6).equals(events.of("eve"))
    assert inject("bob", "random", 0.4).equals(Injector(events, FAVOURITE, seed=4)("bob", "random", 0.4))
    assert not inject("bob", "random", 0.4).equals(Injector(events, FAVOURITE, seed=5)("bob", "random", 0.4))
    assert len(inject.into(["ann", "bob"], "household", 0.4).frame) == 2 * (12 + 4)


def test_a_share_that_leaves_no_true_click_is_refused():
    with pytest.raises(ValueError, match="below 1, not 1"):
        false_clicks(1, 5)
