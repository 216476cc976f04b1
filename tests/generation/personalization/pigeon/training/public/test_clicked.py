"""Clicks of the log as tasks: strictly earlier clicks, other items, another cover, nobody held out."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from conf.errors import UsageError
from generation.personalization.pigeon.training.public.clicked import Clicks, clicks_of
from tests.generation.personalization.pigeon.training.public.conftest import NAMES

COVERS = {"fox": ("f0", "f1"), "pizza": ("p0",), "rocket": ("r0", "r1", "r2")}
DEFAULT = {"fox": "f0", "pizza": "p0", "rocket": "r1"}
TITLES = {"fox": "a fox", "rocket": "a rocket", "pizza": "a pizza"}


def log(*events):
    return pl.DataFrame(
        [
            {"item_id": item, "cover_id": cover, "ts": datetime(2026, 3, 1, hour, tzinfo=UTC), "propensity": share}
            for item, cover, hour, share in events
        ]
    )


def told(events, titles=TITLES):
    found = clicks_of(events, titles, COVERS, DEFAULT)
    return [(each.target, each.reference, each.before, each.propensity) for each in found]


def test_a_click_is_painted_from_another_cover_and_from_what_was_clicked_before():
    events = log(("pizza", "p0", 1, 0.5), ("fox", "f1", 2, 0.1), ("rocket", "r1", 3, None), ("fox", "f0", 4, 0.8))
    assert told(events) == [
        ("f1", "f0", ("p0",), 0.1),  # from the default
        ("r1", "r0", ("f1", "p0"), 1.0),  # the default was clicked: from any other; the newest first
        ("f0", "f1", ("r1", "p0"), 0.8),  # its own item is no part of what came before
    ]
    assert told(events, {"rocket": "a rocket"}) == [("r1", "r0", ("f1", "p0"), 1.0)]


def test_clicks_of_one_moment_do_not_know_each_other_and_painted_covers_are_left_out():
    events = log(("pizza", "p0", 1, 0.5), ("fox", "painted", 2, 0.5), ("rocket", "r0", 3, 0.5), ("fox", "f1", 3, 0.5))
    assert told(events) == [("r0", "r1", ("p0",), 0.5), ("f1", "f0", ("p0",), 0.5)]
    assert told(log(("pizza", "p0", 1, 0.5), ("pizza", "p0", 2, 0.5))) == []  # it has no other cover


def test_at_most_eight_are_told_and_no_cover_twice():
    many = {f"i{n}": (f"c{n}",) for n in range(12)} | COVERS
    earlier = [(f"i{n}", f"c{n}", hour, 0.5) for hour, n in enumerate((*range(12), 10))]
    (click,) = clicks_of(log(*earlier, ("fox", "f1", 20, 0.5)), TITLES, many, DEFAULT)
    assert click.before == ("c10", "c11", "c9", "c8", "c7", "c6", "c5", "c4")


def test_nobody_and_nothing_of_another_split_is_a_task(clicked_night):
    for split in ("train", "validation"):
        clicks = Clicks.read(clicked_night, split)
        titles = {click.title for click in clicks.clicks}
        assert titles == {f"a {name}" for name in NAMES[split]}
        assert len(clicks.clicks) == 3 * len(titles) * 2 - (3 if split == "train" else 0)
        np.testing.assert_allclose(clicks.weight, 1.0)


def test_a_night_without_such_clicks_is_told(clicked_night):
    clicked_night.lake.delta("covers").delete("NOT is_default")
    with pytest.raises(UsageError, match="reconstruction needs items with several covers"):
        Clicks.read(clicked_night, "train")
