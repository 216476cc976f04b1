"""Near-duplicates: which covers are, how they are stacked, and that a queue of stacks loses none of its covers."""

from collections import namedtuple

import numpy as np
import pytest

from generation.review.log.queue import Filter, Place
from generation.review.web.alike.similar import Lookalikes
from generation.review.web.alike.stacks import NearDuplicates, near_pairs, stacked, tiles
from tests.generation.review.conftest import rows_of
from tests.support.desk import known_feed

DS = "2026-03-29"
Light = namedtuple("Light", "id cover_id")
any_database = pytest.mark.parametrize("desk_url", ["sqlite"], indirect=True)


def test_both_cosines_must_be_large():
    shows = np.float32([[1, 0], [2, 0], [3, 0.1], [0, 1]])
    drawn = np.float32([[0, 1], [1, 0], [0.1, 1], [0, 1]])
    assert near_pairs("abcd", [shows, drawn], 0.99) == {"a": {"c"}, "c": {"a"}}
    assert near_pairs("abcd", [shows], 0.99) == {"a": {"b", "c"}, "b": {"a", "c"}, "c": {"a", "b"}}


def test_blocks_find_what_one_comparison_of_all_finds():
    chance = np.random.default_rng(3)
    vectors = chance.normal(size=(1100, 4)).astype(np.float32)
    names = [f"c{number}" for number in range(len(vectors))]
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    close = (units @ units.T >= 0.98) & ~np.eye(len(names), dtype=bool)
    expected = {names[row]: {names[column] for column in np.flatnonzero(close[row])} for row in range(len(names))}
    found = near_pairs(names, [vectors], 0.98)
    assert found == {name: others for name, others in expected.items() if others}
    assert len(found) > 100


@pytest.mark.parametrize(
    ("covers", "near", "expected"),
    [
        ("abc", {}, [[0], [1], [2]]),
        ("aba", {}, [[0, 2], [1]]),  # the very same picture
        ("abc", {"a": {"c"}, "c": {"a"}}, [[0, 2], [1]]),
        # A chain: b is near a and c, which are not near each other; the first one decides who belongs.
        ("abc", {"a": {"b"}, "b": {"a", "c"}, "c": {"b"}}, [[0, 1], [2]]),
        ("bac", {"a": {"b"}, "b": {"a", "c"}, "c": {"b"}}, [[0, 1, 2]]),
        ("", {"a": {"b"}}, []),
    ],
)
def test_a_stack_holds_what_is_near_its_first(covers, near, expected):
    rows = [Light(place, cover) for place, cover in enumerate(covers)]
    near = {cover: frozenset(others) for cover, others in near.items()}
    assert [[row.id for row in stack] for stack in stacked(rows, near)] == expected


def of_one_look(rows):
    covers = {row.cover_id for row in rows}
    return {cover: frozenset(covers - {cover}) for cover in covers}


def test_pages_of_stacks_hold_every_cover_once(make_desk):
    database = make_desk(30)
    near = of_one_look(rows_of(database)[4:12]) | of_one_look(rows_of(database)[20:23])
    after, found = None, []
    with database.reading() as connection:
        while page := tiles(connection, Filter(ds=DS), near, me="ann", after=after, limit=7):
            assert [each.row.id for each in page] == [each.ids[0] for each in page]
            after = Place(stake=page[-1].row.stake, case_id=page[-1].row.id)
            found += page
    rows = {row.id: row for row in rows_of(database)}
    assert sorted(number for stack in found for number in stack.ids) == sorted(rows)
    assert sorted((len(stack.ids) for stack in found), reverse=True)[:3] == [8, 3, 1]
    assert all(rows[stack.ids[0]].stake == max(rows[each].stake for each in stack.ids) for stack in found)


@any_database
def test_a_stack_holds_only_what_the_filter_finds(make_desk):
    database = make_desk(12)
    rows = rows_of(database)
    asked = Filter(ds=DS, segment_id=rows[0].segment_id)
    with database.reading() as connection:
        found = tiles(connection, asked, of_one_look(rows), me="ann")
    expected = [row.id for row in sorted(rows, key=lambda row: -row.stake) if row.segment_id == asked.segment_id]
    assert [list(stack.ids) for stack in found] == [expected]
    assert 1 < len(expected) < len(rows)


@any_database
def test_covers_are_compared_again_when_the_lake_has_more(make_desk, make_context):
    database, ctx = make_desk(4), make_context()
    first, second, third, _ = (row.cover_id for row in rows_of(database))
    found = NearDuplicates(ctx.lake, Lookalikes(ctx.lake), 0.95)
    with database.reading() as connection:
        assert found.of(connection, DS) == {}
        known_feed.put_looks(ctx, {first: (0, 0), second: (0, 1)})
        assert found.of(connection, DS) == {}  # they show the same, drawn in two ways
        known_feed.put_looks(ctx, {third: (0, 1)})
        assert found.of(connection, DS) == {second: {third}, third: {second}}
        assert found.of(connection, "2026-03-30") == {}
        known_feed.put_looks(ctx, {first: (0, 1)}, encoder="e2")
        assert found.of(connection, DS) == {}  # nobody said whose embeddings count
        chosen = NearDuplicates(ctx.lake, Lookalikes(ctx.lake, "e1"), 0.95)
        assert chosen.of(connection, DS) == {second: {third}, third: {second}}
