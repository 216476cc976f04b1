import io
import json
from datetime import timedelta

import pytest
from rich.console import Console

from conf.errors import UsageError
from generation.catalogue import end_of_day
from generation.review.policy.policy_dry_run import as_json, rehearse, show
from generation.review.policy.rules import judged
from generation.review.policy.stage import _decision, night_facts
from jobs.lake.schema.covers import GENERATED_COVERS
from jobs.lake.schema.feed import ITEMS
from jobs.lake.schema.review import COVER_DECISIONS
from tests.generation.review.policy.test_stage import DS, GOOD, generated
from tests.support.worlds import tiny

STRICTER = {
    "name": "stricter",
    "brands": {"cars": ["fiat"]},
    "rules": [
        {"name": "brand-cars", "when": {"brands": ["cars"]}, "answer": "ask"},
        {"name": "faint", "when": {"rewards": {"aesthetic": {"below": 0.4}}}, "answer": "reject"},
        {"name": "never", "when": {"segments": ["s9"]}, "answer": "reject"},
        {"name": "rest", "when": {}, "answer": "approve"},
    ],
}


def person(ctx, name, decision, minutes=0):
    return {
        **{"ds": DS, "decision_id": f"{name}{decision}", "cover_id": name * 64, "unit_id": f"unit-{name}"},
        **{"decision": decision, "reason": "looked at", "by": "person:ann"},
        "decided_at": end_of_day(ctx.ds) + timedelta(minutes=minutes),
    }


@pytest.fixture
def night(make_context):
    """Last night by the default policy; c and d by a person, e taken down."""
    ctx = make_context(ds=DS)
    faint = {**GOOD, "aesthetic": 0.1}
    rows = [
        generated("a"),
        generated("b", rewards=faint),
        generated("c", rewards=faint),
        generated("d"),
        generated("e"),
    ]
    rows.append(generated("f", item_id="car"))
    tiny.write(ctx, rows, GENERATED_COVERS)
    item = {"item_id": "car", "title": "FIAT 500", "category": "travel", "tags": [], "created_at": end_of_day(ctx.ds)}
    tiny.write(ctx, [item, {**item, "item_id": "fox", "title": "red fox"}], ITEMS)
    decided = [
        _decision(ctx, row, judged(about, ctx.settings.policy), number=0)
        for row, about in zip(rows, night_facts(ctx, rows), strict=True)
        if row["cover_id"][0] != "d"
    ]
    decided += [person(ctx, "c", "approve"), person(ctx, "d", "reject"), person(ctx, "e", "takedown")]
    decided += [person(ctx, "b", "reject"), person(ctx, "b", "withdraw", minutes=1)]
    tiny.write(ctx, decided, COVER_DECISIONS)
    return ctx.home


def test_a_dry_run_counts_by_rule_and_says_what_would_change(night, make_context):
    found = rehearse(make_context(ds=DS, home=night, policy=STRICTER))
    assert (found.covers, found.taken_down) == (5, 1)
    assert [(line.rule, line.answer, line.covers) for line in found.rules] == [
        ("brand-cars", "ask", 1),
        ("faint", "reject", 2),
        ("never", "reject", 0),
        ("rest", "approve", 2),
    ]
    assert found.rules[0].examples[0].reason == "brand-cars: brand fiat of list cars"
    assert found.changed == {"approve -> ask": 1, "approve -> reject": 1}
    assert found.against_people == {"approve -> reject": 1, "reject -> approve": 1}


def test_the_policy_that_decided_changes_nothing(night, make_context):
    context = make_context(ds=DS, home=night)
    version = context.lake.version("cover_decisions")
    found = rehearse(context)
    assert found.changed == {}
    assert context.lake.version("cover_decisions") == version


def test_it_is_shown_and_handed_on(night, make_context):
    found = rehearse(make_context(ds=DS, home=night, policy=STRICTER))
    screen = io.StringIO()
    show(found, Console(file=screen, width=160))
    assert "brand-cars  ask" in screen.getvalue()
    assert "FIAT 500 for s1" in screen.getvalue()
    assert "Would change: 1 approve -> ask, 1 approve -> reject." in screen.getvalue()
    assert {row["title"] for row in json.loads(as_json(found))["foreseen"]} == {"FIAT 500", "red fox"}


def test_without_covers_the_stage_to_run_is_named(make_context):
    with pytest.raises(UsageError, match="coverlift generate"):
        rehearse(make_context(ds=DS))
