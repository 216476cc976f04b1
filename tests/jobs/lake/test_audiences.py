import polars as pl

from jobs.lake.audiences import with_own

MEMBERS = pl.DataFrame({"user_id": ["ann", "bob", "cleo"], "segment_id": ["s0", "s0", "s1"]})
SEGMENTS = [("a", "s0", "a-s0"), ("b", "s0", "b-s0"), ("a", "s1", "a-s1")]


def published(*rows):
    return pl.DataFrame(rows, schema=["item_id", "segment_id", "cover_id"], orient="row")


def shown(covers, members):
    """Cover by user and item."""
    joined = members.join(covers, on="segment_id")
    return {(row["user_id"], row["item_id"]): row["cover_id"] for row in joined.to_dicts()}


def test_a_users_own_cover_comes_before_their_segments_and_other_items_are_the_segments():
    found = shown(*with_own(published(*SEGMENTS, ("a", "user:bob", "a-bob")), MEMBERS))
    assert found == {
        ("ann", "a"): "a-s0", ("ann", "b"): "b-s0",
        ("bob", "a"): "a-bob", ("bob", "b"): "b-s0",
        ("cleo", "a"): "a-s1",
    }  # fmt: skip


def test_an_item_that_the_segment_has_no_cover_for_may_have_a_users_own():
    found = shown(*with_own(published(*SEGMENTS, ("c", "user:cleo", "c-cleo")), MEMBERS))
    assert found["cleo", "c"] == "c-cleo"
    assert ("ann", "c") not in found


def test_every_user_is_in_one_audience_and_every_audience_has_one_cover_an_item():
    covers, members = with_own(published(*SEGMENTS, ("a", "user:bob", "a-bob")), MEMBERS)
    assert members["user_id"].to_list() == ["ann", "bob", "cleo"]
    assert members["segment_id"].to_list() == ["s0", "user:bob", "s1"]
    assert not covers.select("item_id", "segment_id").is_duplicated().any()


def test_without_users_covers_both_are_as_they_were():
    before = published(*SEGMENTS)
    covers, members = with_own(before, MEMBERS)
    assert covers is before
    assert members is MEMBERS


def test_covers_of_a_user_who_is_gone_are_left_out():
    covers, members = with_own(published(*SEGMENTS, ("a", "user:zoe", "a-zoe")), MEMBERS)
    assert covers["cover_id"].to_list() == ["a-s0", "b-s0", "a-s1"]
    assert members.equals(MEMBERS)
