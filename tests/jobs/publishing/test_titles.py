"""Which titles may go out, by the decisions that stand."""

from datetime import UTC, datetime, timedelta

import polars as pl

from jobs.publishing.titles import choose_titles

NIGHT = datetime(2026, 3, 30, tzinfo=UTC)


def titles(*names):
    rows = [
        {"group_id": name, "text_hash": f"h{name}", "title": name, "unit_id": f"u{name}", "candidate": 0}
        for name in names
    ]
    return pl.DataFrame([{"ds": "2026-03-29", "item_id": "i", "selected": True, **row} for row in rows])


def decisions(*rows):
    """(title, decision, by) in the order in which they were made."""
    return pl.DataFrame(
        [
            {
                "decision_id": f"d{number}",
                "cover_id": f"h{name}",
                "unit_id": f"u{name}",
                "decision": decision,
                "reason": "",
                "by": by,
                "decided_at": NIGHT + timedelta(seconds=number),
            }
            for number, (name, decision, by) in enumerate(rows)
        ]
    )


def test_a_person_stands_above_the_policy_and_a_takedown_above_all():
    told = decisions(
        ("a", "approve", "policy:p"),
        ("b", "ask", "policy:p"),
        ("c", "ask", "policy:p"), ("c", "approve", "person:ann"),
        ("d", "reject", "person:ann"), ("d", "approve", "policy:p"),
        ("e", "reject", "person:ann"), ("e", "approve", "policy:p"), ("e", "withdraw", "person:ann"),
        ("f", "approve", "person:ann"), ("f", "takedown", "person:bob"), ("f", "approve", "person:ann"),
    )  # fmt: skip
    found = choose_titles(titles(*"abcdefg"), told)
    assert found.select("title", "decision_id").rows() == [("a", "d0"), ("c", "d3"), ("e", "d7")]


def test_a_text_that_was_taken_down_is_down_for_every_group():
    both = pl.concat([titles("a"), titles("b").with_columns(text_hash=pl.lit("ha"))])
    told = decisions(("a", "approve", "policy:p"), ("a", "takedown", "person:bob"))
    more = told.vstack(decisions(("b", "approve", "policy:p")).with_columns(cover_id=pl.lit("ha")))
    assert choose_titles(both, more).is_empty()


def test_another_text_of_a_unit_goes_out_where_a_person_picked_it():
    """The desk writes an approval of the one and a rejection of the selected one."""
    picked = titles("b").with_columns(unit_id=pl.lit("ua"), group_id=pl.lit("a"), candidate=1, selected=False)
    told = decisions(("a", "approve", "policy:p"), ("a", "reject", "person:ann"), ("b", "approve", "person:ann"))
    told = told.with_columns(unit_id=pl.lit("ua"))
    found = choose_titles(pl.concat([titles("a"), picked], how="diagonal_relaxed"), told)
    assert found.select("group_id", "title").rows() == [("a", "b")]
