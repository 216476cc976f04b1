"""The policy's one answer for titles; the stage and publishing with it: tests of the stage ``titles``."""

from generation.review.policy.titles import title_decisions
from tests.support.worlds.samples import sample

DAY = "2026-03-02"


def test_nothing_is_decided_where_titles_are_off_or_none_were_written(make_context):
    assert title_decisions(make_context(ds=DAY)) == []
    assert title_decisions(make_context(ds=DAY, policy={"titles": "approve"})) == []


def test_only_selected_titles_are_decided_and_what_was_taken_down_is_left_alone(make_context):
    context = make_context(ds=DAY, policy={"titles": "ask", "name": "mine"})
    rows = sample(
        "generated_titles",
        3,
        item_id=["a", "b", "c"],
        text_hash=["a" * 64, "b" * 64, "c" * 64],
        unit_id=["ua", "ub", "uc"],
        selected=[True, False, True],
        failed=[[], [], []],
    )
    context.lake.replace(rows, "generated_titles", ds=DAY)
    down = sample("cover_decisions", cover_id="c" * 64, decision="takedown", by="person:ann", ds="2026-02-01")
    context.lake.merge(down, "cover_decisions")
    (row,) = title_decisions(context)
    assert (row["cover_id"], row["unit_id"], row["decision"], row["by"]) == ("a" * 64, "ua", "ask", "policy:mine")
