from datetime import UTC, date, datetime

import polars as pl
import pyarrow as pa
import pytest

from conf.errors import NothingToDo, TryAgainError, UsageError
from jobs.lake.schema.covers import GENERATED_COVERS
from jobs.lake.schema.review import COVER_DECISIONS, OVER_LIMIT
from jobs.publishing.stage import choose, decisions_digest, run
from jobs.publishing.takedown import take_down

NIGHT = "2026-03-29"


def cover(unit, cover_id, *, segment="s1", item="pizza", score=1.0, nsfw=0.01, selected=True):
    return {"ds": NIGHT, "item_id": item, "segment_id": segment, "cover_id": cover_id, "unit_id": unit,
            "score": score, "nsfw": nsfw, "selected": selected}  # fmt: skip


def decision(unit, cover_id, what, *, hour=1, ds=NIGHT, by="person:ann"):
    return {
        "ds": ds,
        "decision_id": f"{unit}-{cover_id[:4]}-{what}-{hour}-{by}",
        "cover_id": cover_id,
        "unit_id": unit,
        "decision": what,
        "reason": "because",
        "by": by,
        "decided_at": datetime(2026, 3, 29, hour, tzinfo=UTC),
    }


def choose_rows(covers, decisions):
    return chosen_frame(covers, decisions)[0].to_dicts()


def chosen_frame(covers, decisions):
    return choose(
        pl.DataFrame(covers, schema_overrides={"nsfw": pl.Float64}),
        pl.DataFrame(pl.from_arrow(pa.Table.from_pylist(decisions, schema=COVER_DECISIONS.schema))),
        max_nsfw=0.4,
    )


def chosen(covers, decisions):
    rows, withheld = chosen_frame(covers, decisions)
    return [row["unit_id"] for row in rows.to_dicts()], withheld


@pytest.mark.parametrize(
    ("decisions", "published", "withheld"),
    [
        ([], [], {"undecided": 1}),
        ([decision("u1", "c1", "approve")], ["u1"], {}),
        ([decision("u1", "c1", "approve", hour=2), decision("u1", "c1", "reject", hour=1)], ["u1"], {}),
        ([decision("u1", "c1", "approve", hour=1), decision("u1", "c1", "reject", hour=2)], [], {"rejected": 1}),
        ([decision("u2", "c1", "approve")], [], {"undecided": 1}),
        ([decision("u1", "c1", "ask")], [], {"undecided": 1}),
        ([decision("u1", "c1", "takedown", hour=1), decision("u1", "c1", "approve", hour=2)], [], {"taken_down": 1}),
        ([decision("u1", "c1", "approve"), decision("u9", "c1", "takedown")], [], {"taken_down": 1}),
    ],
)
def test_only_an_approval_that_still_stands_publishes(decisions, published, withheld):
    assert chosen([cover("u1", "c1")], decisions) == (published, withheld)


def test_unknown_safety_is_not_published_even_when_approved():
    assert chosen([cover("u1", "c1", nsfw=None)], [decision("u1", "c1", "approve")]) == ([], {"safety_unknown": 1})


def test_over_the_limit_a_cover_goes_out_only_where_a_person_said_so_knowing_it():
    knowing = decision("u1", "c1", "approve") | {"reason": f"{OVER_LIMIT}0.66 > 0.4: a statue in a museum"}
    policy = knowing | {"by": "policy:p"}
    for decisions, published, withheld in (
        ([decision("u1", "c1", "approve")], [], {"over_limit": 1}),
        ([policy], [], {"over_limit": 1}),
        ([knowing], ["u1"], {}),
        ([knowing, decision("u1", "c1", "reject", hour=2)], [], {"rejected": 1}),
        ([knowing, decision("u1", "c1", "approve", hour=2)], [], {"over_limit": 1}),
    ):
        assert chosen([cover("u1", "c1", nsfw=0.66)], decisions) == (published, withheld)
    assert chosen([cover("u1", "c1", nsfw=0.4)], [decision("u1", "c1", "approve")]) == (["u1"], {})


def test_one_cover_an_item_and_segment_the_best_one():
    covers = [cover("u1", "c1", score=1.0), cover("u2", "c2", score=2.0), cover("u3", "c3", segment="s2")]
    decisions = [decision(unit, f"c{unit[1]}", "approve") for unit in ("u1", "u2", "u3")]
    assert chosen(covers, decisions) == (["u2", "u3"], {})


POLICY = "policy:default-2"


@pytest.mark.parametrize(
    ("policy", "people", "published"),
    [
        ("reject", [("approve", 1)], ["u1"]),  # whatever the times: the policy's is the end of the night
        ("approve", [("reject", 1)], []),
        ("ask", [], []),
        ("ask", [("approve", 1)], ["u1"]),
        ("approve", [("reject", 1), ("withdraw", 2)], ["u1"]),
        ("reject", [("approve", 1), ("withdraw", 2)], []),
        ("reject", [("withdraw", 1), ("approve", 2)], ["u1"]),
    ],
)
def test_the_policy_never_overrides_a_person(policy, people, published):
    decisions = [decision("u1", "c1", policy, hour=23, by=POLICY)]
    decisions += [decision("u1", "c1", what, hour=hour) for what, hour in people]
    assert chosen([cover("u1", "c1")], decisions)[0] == published


def test_another_candidate_goes_out_only_when_a_person_picked_it():
    covers = [cover("u1", "c1", score=2.0), cover("u1", "c2", score=1.0, selected=False)]
    policy = [decision("u1", "c1", "approve", by=POLICY), decision("u1", "c2", "approve", by=POLICY)]

    def shown(decisions, covers=covers):
        return [row["cover_id"] for row in choose_rows(covers, decisions)]

    picked = [decision("u1", "c2", "approve", hour=2), decision("u1", "c1", "reject", hour=2)]
    assert shown(policy) == ["c1"]
    assert shown([*policy, *picked]) == ["c2"]
    back = [decision("u1", "c1", "approve", hour=3), decision("u1", "c2", "withdraw", hour=3)]
    assert shown([*policy, *picked, *back]) == ["c1"]
    assert shown([*policy, *picked, decision("u9", "c2", "takedown", hour=4)]) == []
    unscored = [covers[0], {**covers[1], "nsfw": None}]
    assert shown([*policy, *picked], unscored) == []


def test_when_people_must_have_been_asked_nothing_goes_out_unasked(make_context):
    context = make_context(review={"required": True})
    with pytest.raises(TryAgainError, match="coverlift review-sync --ds 2026-03-29"):
        run(context)


def generated(cover_id, unit, *, nsfw=0.1, selected=True, purpose="publish", segment="s1"):
    return {
        "ds": NIGHT, "cover_id": cover_id, "unit_id": unit, "purpose": purpose, "as_of": NIGHT, "item_id": "pizza",
        "segment_id": segment, "method": "profile", "candidate": 0, "seed": 1,
        "rewards": [("personal", 0.5)] + ([] if nsfw is None else [("nsfw", nsfw)]),
        "score": 1.0, "selected": selected, "generator": "g",
    }  # fmt: skip


def test_publish_and_take_down_on_a_real_lake(make_context):
    context = make_context()
    shown, spoilt, kept = (context.images.put(data) for data in (b"one", b"two", b"three"))
    (context.home / "images" / context.images.uri(spoilt)).write_bytes(b"tw")
    rows = [
        generated(shown, "u1"),
        generated(spoilt, "u2", segment="s2"),
        generated(kept, "u3", segment="s3"),
        generated(kept, "u4", segment="s4", nsfw=float("nan")),
        generated(kept, "u5", segment="s5", selected=False),
        generated(kept, "u6", segment="s6", purpose="evaluate"),
        generated(shown, "u7", segment="all", purpose="unpersonalised"),
        generated(kept, "u8", segment="all", purpose="unpersonalised") | {"as_of": "2026-03-20", "score": 9.0},
    ]
    context.lake.replace(pa.Table.from_pylist(rows, schema=GENERATED_COVERS.schema), "generated_covers", ds=NIGHT)
    assert run(context).rows == {"published_covers": 0}

    decided = [decision(row["unit_id"], row["cover_id"], "approve", by=POLICY) for row in rows]
    context.lake.merge(pa.Table.from_pylist(decided, schema=COVER_DECISIONS.schema), "cover_decisions")
    result = run(context)
    assert result.rows == {"published_covers": 3}
    assert result.metrics == {"withheld_safety_unknown": 1.0, "withheld_damaged": 1.0}
    published = {row["segment_id"]: row for row in context.lake.read("published_covers").to_pylist()}
    assert {name: row["cover_id"] for name, row in published.items()} == {"s1": shown, "s3": kept, "new": shown}
    assert published["s1"]["decision_id"] == decided[0]["decision_id"]

    before = decisions_digest(context)
    arguments = {"reason": "rude", "by": "ann", "ds": date(2026, 3, 29), "now": datetime(2026, 3, 30, 8, tzinfo=UTC)}
    assert take_down(context.lake, kept, **arguments) == 1
    assert context.lake.read("published_covers")["cover_id"].to_pylist() == [shown, shown]
    assert decisions_digest(context) != before
    with pytest.raises(NothingToDo, match="taken down before"):
        take_down(context.lake, kept, **arguments)
    with pytest.raises(UsageError, match="No night painted"):
        take_down(context.lake, "0" * 64, **arguments)
    assert run(context).rows == {"published_covers": 2}
