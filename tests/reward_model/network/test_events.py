from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from reward_model.network.events import WINDOW, load_events, no_events
from reward_model.network.user_state import CoverTable, ItemTable, load_states
from tests.support.worlds.toy_world import ENCODER


@pytest.fixture(scope="module")
def tables(toy):
    return {"covers": CoverTable.load(toy.lake, ENCODER), "items": ItemTable.load(toy.lake, ENCODER)}


@pytest.fixture(scope="module")
def events(toy, tables):
    ids = {"covers": tables["covers"].ids, "items": tables["items"].ids}
    return load_events(toy.lake, toy.days[2], toy.days[5], None, **ids)


def test_a_span_is_what_the_user_was_shown_up_to_the_evening_and_nothing_later(toy, events):
    users = pa.array(["u003", "nobody", "u059"])
    for day in toy.days[2:6]:
        begin, end = events.spans(users, day)
        for name, first, last in zip(users.to_pylist(), begin, end, strict=True):
            own = toy.log[(toy.log.user_id == name) & (toy.log.ds <= day.isoformat())]
            assert last - first == len(own)
            assert events.clicked[first:last].sum() == own.clicked.sum()
            assert (events.day[first:last] <= day.toordinal()).all()
            assert sorted(events.position[first:last]) == sorted(own.position)


def test_events_before_the_window_are_left_out(toy, events):
    late = toy.days[2] + timedelta(days=WINDOW)
    begin, end = events.spans(pa.array(["u003"]), late)
    own = toy.log[
        (toy.log.user_id == "u003") & (toy.log.ds > toy.days[2].isoformat()) & (toy.log.ds <= toy.days[5].isoformat())
    ]
    assert end[0] - begin[0] == len(own)


def test_rows_point_at_covers_and_items(toy, tables, events):
    covers, items = tables["covers"].ids.to_pylist(), tables["items"].ids.to_pylist()
    first = toy.log[toy.log.user_id == "u000"].sort_values(["ds", "item_id", "position"]).iloc[0]
    assert items[events.item[0] - 1] == first.item_id
    assert covers[events.cover[0] - 1] == first.cover_id


def test_states_read_their_own_events_where_none_are_handed_on(toy, tables, events):
    alone = load_states(toy.lake, toy.days[3], ["u003"], length=20, **tables)
    shared = load_states(toy.lake, toy.days[3], ["u003"], length=20, events=events, **tables)
    assert alone.end - alone.begin == shared.end - shared.begin
    span, other = slice(alone.begin[0], alone.end[0]), slice(shared.begin[0], shared.end[0])
    for name in ("item", "cover", "position", "clicked", "day"):
        np.testing.assert_array_equal(getattr(alone.events, name)[span], getattr(shared.events, name)[other])


def test_without_a_log_nobody_was_shown_anything():
    begin, end = no_events().spans(pa.array(["a"]), date(2026, 3, 1))
    assert (begin.tolist(), end.tolist()) == ([0], [0])
