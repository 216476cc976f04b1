from datetime import date, datetime

import numpy as np
import polars as pl

from jobs.ingest.importers.data_set import ImportOptions
from jobs.ingest.importers.days import DAY, NUMBER, Shelf, day_number, impressions_of, spread_out, without_repeats
from jobs.ingest.importers.rows import with_defaults

TODAY = date(2026, 3, 1)
SHELF = Shelf(
    items=pl.DataFrame(
        {"item_id": ["a", "b", "c"], "cover_id": ["A", "B", "C"], "first_day": [0, 5, day_number(TODAY) + 1]}
    )
)


def events(*rows):
    frame = with_defaults(pl.DataFrame(rows).with_columns(ts=pl.lit(datetime(2026, 3, 1, 12))))
    numbers = pl.DataFrame({"item_id": ["a", "b", "c"], NUMBER: [0, 1, 2], "cover_id": ["A", "B", "C"]})
    return frame.join(numbers, on="item_id", maintain_order="left").with_columns(pl.lit(day_number(TODAY)).alias(DAY))


def click(name, item="a", **changes):
    row = {
        "event_id": name,
        "request_id": name,
        "user_id": name,
        "item_id": item,
        "clicked": True,
        "policy": "p",
        "sample": True,
    }
    return row | {"position": None, "views": None, "clicks": None} | changes


def made(frame, **options):
    clicked = pl.DataFrame({NUMBER: [0, 1], "clicks": [1, 1]})
    return impressions_of(frame, SHELF, clicked, ImportOptions(**options), np.random.default_rng(0))


def test_drawn_items_stand_beside_a_click_with_their_own_covers():
    rows = made(events(click("x")), negatives=4)
    assert rows.select("impression_id", "request_id", "item_id", "cover_id", "clicked").sort("item_id").rows() == [
        ("x", "x", "a", "A", True),
        (next(name for name in rows["impression_id"] if name != "x"), "x", "b", "B", False),
    ]
    assert len(set(rows["position"])) == 2
    assert set(rows["position"]) <= {1, 2, 3, 4, 5}


def test_uniform_draws_know_no_item_before_its_first_day():
    rows = made(events(*(click(f"x{n}") for n in range(50))), negatives=1, sampling="uniform")
    assert set(rows.filter(~pl.col("clicked"))["item_id"]) == {"b"}


def test_logged_positions_stay_and_others_are_random():
    shown = [click(f"s{n}", position=n + 3, sample=False, request_id="r") for n in range(3)]
    free = [click(f"f{n}", sample=False, request_id="q") for n in range(4)]
    rows = made(events(*shown, *free))
    assert rows.filter(request_id="r")["position"].to_list() == [3, 4, 5]
    assert sorted(rows.filter(request_id="q")["position"]) == [1, 2, 3, 4]


def test_a_click_is_as_often_at_each_place():
    """By hand: of 4,000 requests of two, half have the click first, with a standard deviation of 31.6."""
    rows = made(events(*(click(f"x{n}") for n in range(4000))), negatives=1)
    first = rows.filter(pl.col("clicked") & (pl.col("position") == 1)).height
    assert abs(first - 2000) < 4 * 31.6


def test_a_place_does_not_tell_of_which_kind_a_row_is():
    """A row alone, one with fewer items beside it than asked for: by hand, each of three places has a third of both.

    Of 3,000 rows the standard deviation is 25.8.
    """
    alone = [click(f"a{n}", clicked=False, sample=False) for n in range(3000)]
    beside = [click(f"x{n}") for n in range(3000)]
    rows = made(events(*alone, *beside), negatives=2)
    for kind in (rows.filter(pl.col("clicked")), rows.filter(pl.col("request_id").str.starts_with("a"))):
        at = kind["position"].value_counts().sort("position")
        assert at["position"].to_list() == [1, 2, 3]
        assert all(abs(count - 1000) < 4 * 25.8 for count in at["count"])


def test_a_row_alone_where_nothing_is_drawn_is_first():
    rows = made(events(click("x", sample=False)), negatives=0)
    assert rows["position"].to_list() == [1]


def test_counts_below_the_bound_are_spread_out_whole():
    frame = events(
        click("c", views=5, clicks=2, position=1, sample=False), click("none", views=0, clicks=0, position=1)
    )
    rows = spread_out(frame, 20, np.random.default_rng(0))
    assert (rows["impression_id"].to_list(), rows["clicked"].sum()) == ([f"c-{n}" for n in range(5)], 2)


def test_the_first_of_the_same_id_stays():
    kept, again = without_repeats(events(click("x", item="a"), click("x", item="b"), click("y")))
    assert kept.select("event_id", "item_id").rows() == [("x", "a"), ("y", "a")]
    assert again["reasons"].to_list() == [["duplicate_impression"]]
    assert '"item_id":"b"' in again["row"][0]
