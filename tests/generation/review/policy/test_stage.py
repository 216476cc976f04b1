import pytest

from conf.errors import GateError, UsageError
from conf.settings import Settings
from generation.catalogue import end_of_day
from generation.review.policy.rules import drawn, judged
from generation.review.policy.stage import _decision, cover_facts, run
from jobs.lake.context import Context
from jobs.lake.schema.covers import GENERATED_COVERS
from jobs.lake.schema.review import COVER_DECISIONS
from jobs.publishing.stage import choose, decisions_that_count, publishable_covers
from tests.support.worlds import tiny

DS = "2026-03-29"
GOOD = {"nsfw": 0.01, "relevance": 0.9, "personal": 0.2, "aesthetic": 0.5}


def generated(name, rewards=None, **changes):
    return {
        "ds": DS,
        "cover_id": name * 64,
        "unit_id": f"unit-{name}",
        "purpose": "publish",
        "as_of": DS,
        "item_id": "fox",
        "segment_id": "s1",
        "method": "profile",
        "candidate": 0,
        "seed": 1,
        "rewards": list((GOOD if rewards is None else rewards).items()),
        "score": 1.0,
        "selected": True,
        "generator": "g",
        **changes,
    }


def decisions(ctx):
    return {row["cover_id"][0]: row for row in ctx.lake.read("cover_decisions").to_pylist() if row["by"] != "person:a"}


def test_the_policy_decides_what_the_feed_might_show(make_context):
    ctx = make_context(ds=DS)
    rows = [
        generated("a"),
        generated("b", rewards={"relevance": 0.9}),
        generated("c", selected=False, candidate=1),
        generated("d", purpose="unpersonalised", segment_id="all"),
        generated("e", purpose="evaluate", as_of="2026-03-22"),
        generated("f", purpose="unpersonalised", as_of="2026-03-22", segment_id="all"),
        generated("0"),
    ]
    tiny.write(ctx, rows, GENERATED_COVERS)
    takedown = {
        "ds": "2026-03-28",
        "decision_id": "t",
        "cover_id": "0" * 64,
        "unit_id": "unit-0",
        "decision": "takedown",
        "reason": "looks like a brand",
        "by": "person:a",
        "decided_at": end_of_day(ctx.ds),
    }
    tiny.write(ctx, [takedown], COVER_DECISIONS)

    result = run(ctx)
    assert result.rows == {"cover_decisions": 3}
    assert result.metrics == {"approved": 2.0, "rejected": 1.0, "asked": 0.0}
    found = decisions(ctx)
    assert {name: row["decision"] for name, row in found.items()} == {"a": "approve", "b": "reject", "d": "approve"}
    assert found["b"]["reason"] == "nsfw-unknown: no safety score"
    assert found["a"]["by"] == "policy:default-2"
    assert found["a"]["decided_at"] == end_of_day(ctx.ds)

    # again: nothing is added
    assert run(ctx).rows == {"cover_decisions": 0}


def test_an_asked_cover_is_published_by_nobody_and_a_changed_rule_is_heard(make_context):
    """Decisions are only added: the newest of a night counts, also when the policy kept its name."""

    def policy(answer):
        rules = [{"name": "foxes", "when": {"segments": ["s1"]}, "answer": answer}]
        return make_context(ds=DS, policy={"name": "mine", "rules": rules})

    def published(ctx):
        return choose(publishable_covers(ctx.lake, ctx.ds), decisions_that_count(ctx.lake, ctx.ds), max_nsfw=0.4)

    tiny.write(policy("ask"), [generated("a")], GENERATED_COVERS)
    heard = [("ask", 0, {"undecided": 1}), ("approve", 1, {}), *[("reject", 0, {"rejected": 1})] * 2]
    for number, (answer, shown, withheld) in enumerate(heard):
        ctx = policy(answer)
        assert run(ctx).rows == {"cover_decisions": int(number < 3)}
        rows, why = published(ctx)
        assert (rows.height, why) == (shown, withheld)
    written = ctx.lake.read("cover_decisions").sort_by("decided_at").to_pylist()
    assert [row["decision"] for row in written] == ["ask", "approve", "reject"]
    assert {row["reason"] for row in written} == {"foxes: segment s1"}
    assert {row["by"] for row in written} == {"policy:mine"}


def test_by_default_people_are_asked_about_a_sample_and_about_doubtful_covers(make_context):
    """Of 400 covers of a generator's first night, by hand: a share of 5 % and of 1 %, the lowest 4 by each of three
    rewards, and one that is the best by one reward and the worst by another."""
    ctx = make_context(ds=DS)
    names = [f"{number:x}".zfill(3) for number in range(400)]
    place = {name: number for number, name in enumerate(names)}

    def night(ds):
        rows = []
        for name, number in place.items():
            rewards = {"nsfw": 0.01, "relevance": 0.3 + number / 1000, "personal": 0.1 + number / 1000,
                       "aesthetic": 0.5 + number / 1000}  # fmt: skip
            if number == 200:
                rewards |= {"aesthetic": 9.0, "personal": 0.1045}
            rows.append(generated("a", rewards=rewards, unit_id=f"u{name}", ds=ds, as_of=ds) | {"cover_id": name * 21})
        return rows

    for ds, first in ((DS, True), ("2026-03-30", False)):
        ctx = make_context(ds=ds)
        tiny.write(ctx, night(ds), GENERATED_COVERS)
        run(ctx)
        rows = ctx.lake.read("cover_decisions", ds=ds).to_pylist()
        asked = {row["unit_id"]: row["reason"].partition(":")[0] for row in rows if row["decision"] == "ask"}
        assert {f"u{name}" for name in names[:4]} == {unit for unit, rule in asked.items() if rule == "lowest-reward"}
        assert asked[f"u{names[200]}"] == "looks-disagree"
        limit = 0.05 if first else 0.01
        sampled = {f"u{name}" for name in names if drawn(f"u{name}") < limit}
        assert sampled - {f"u{name}" for name in [*names[:4], names[200]]} == {
            unit for unit, rule in asked.items() if rule in ("first-night-sample", "sample")
        }
        assert len(rows) == 400
        assert {row["decision"] for row in rows if row["unit_id"] not in asked} == {"approve"}


def test_a_night_without_any_safety_score_decides_nothing(make_context):
    ctx = make_context(ds=DS)
    tiny.write(ctx, [generated(name, rewards={"relevance": 0.9}) for name in "ab"], GENERATED_COVERS)
    with pytest.raises(GateError, match=r"None of the 2 covers .* safety scorer was down") as caught:
        run(ctx)
    assert caught.value.exit_code == 4
    assert not ctx.lake.exists("cover_decisions")


def test_another_policy_or_night_makes_another_decision(make_context):
    def decision_id(ds=DS, **policy):
        ctx: Context = make_context(ds=ds, policy=policy)
        verdict = judged(cover_facts(generated("a"), {}), ctx.settings.policy)
        return _decision(ctx, generated("a"), verdict, number=0)["decision_id"]

    assert decision_id() == decision_id()
    assert len({decision_id(), decision_id(name="strict"), decision_id(ds="2026-03-30")}) == 3


def test_the_rules_are_part_of_what_the_stage_depends_on():
    looser = {"rules": [{"name": "all", "when": {}, "answer": "approve"}]}
    assert Settings().digest("policy") != Settings.model_validate({"policy": looser}).digest("policy")


def test_without_covers_the_stage_to_run_is_named(make_context):
    with pytest.raises(UsageError, match="coverlift generate --ds 2026-03-29"):
        run(make_context(ds=DS))
