import pytest

from benchmarks import made_up_night
from generation.review.log import queue
from generation.review.log.queue import Filter, Place
from tests.generation.review.conftest import rows_of

DS = made_up_night.DS


def found(database, me="ann", **more):
    with database.reading() as connection:
        return queue.page(connection, Filter(ds=DS, **{"tab": "all", **more}), me=me, limit=1000)


def test_pages_follow_each_other_by_traffic_at_stake(make_desk):
    database = make_desk(50)
    expected = [row.id for row in sorted(rows_of(database), key=lambda row: (-row.stake, -row.id))]
    walked, after = [], None
    with database.reading() as connection:
        while part := queue.page(connection, Filter(ds=DS, tab="all"), me="ann", after=after, limit=7):
            walked += [row.id for row in part]
            after = Place.parse(Place(stake=part[-1].stake, case_id=part[-1].id).text())
    assert walked == expected


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ({"segment_id": "s3"}, lambda row: row.segment_id == "s3"),
        ({"category": "food-drink", "method": "icg"}, lambda row: (row.category, row.method) == ("food-drink", "icg")),
        ({"at_least": {"nsfw": 0.2}, "at_most": {"nsfw": 0.6}}, lambda row: 0.2 <= row.nsfw <= 0.6),
        ({"reason": "rule-reject"}, lambda row: row.reason == "rule-reject"),
        ({"tab": "pending"}, lambda row: row.policy_decision == "ask"),
        ({"tab": "sampled"}, lambda row: row.sampled == 1),
        ({"tab": "auto"}, lambda row: row.policy_decision != "ask" and not row.sampled),
        ({"title": "FOX"}, lambda row: "fox" in row.title.split()),
        ({"title": "fo re"}, lambda row: {"fox", "red"} <= set(row.title.split())),
        ({"title": "%"}, lambda row: False),
        ({"title": "zebra"}, lambda row: False),
    ],
)
def test_filters(make_desk, asked, matches):
    database = make_desk(120, policy=None, sample_share=0.3)
    items = {row.item_id: row.title for row in rows_of(database)}  # an item has one title; the last one is searched
    rows = [row._replace(title=items[row.item_id]) for row in rows_of(database)]
    assert {row.id for row in found(database, **asked)} == {row.id for row in rows if matches(row)}


def test_a_search_among_many_items_and_a_count_with_an_end(make_desk):
    database = make_desk(40 * 4, titles=["common word"])
    with database.reading() as connection:
        assert len(found(database, title="common")) == 160
        assert queue.count(connection, Filter(ds=DS, tab="all"), me="ann") == 160
        assert queue.count(connection, Filter(ds=DS, tab="all"), me="ann", limit=10) == 11


@pytest.mark.parametrize("text", ["", "x", "1~", "~1", "nan~1", "1e5~1; DROP", "1~9999999999999999999999"])
def test_a_place_that_is_none_is_the_start(text):
    assert Place.parse(text) is None


@pytest.mark.parametrize("words", ["fox", "fox s", "lem", "fox lemon"])
def test_a_common_word_finds_what_a_rare_one_would(make_desk, monkeypatch, words):
    database = make_desk(40, titles=["red fox", "Fox, running", "foxglove", "(fox) in snow", "lemon"])
    rare = [row.id for row in found(database, title=words)]
    monkeypatch.setattr(queue, "MANY_ITEMS", -1)
    assert [row.id for row in found(database, title=words)] == rare
    assert bool(rare) == (words != "fox lemon")
