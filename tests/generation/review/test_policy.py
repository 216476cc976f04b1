import pytest

from conf.settings import PolicySettings
from generation.catalogue import end_of_day
from generation.review.policy import _decision, judged, run
from jobs.lake.errors import UsageError
from jobs.lake.tables import COVER_DECISIONS, GENERATED_COVERS
from tests.generation import tiny

DS = "2026-03-29"
GOOD = {"nsfw": 0.01, "relevance": 0.9, "personal": 0.2, "aesthetic": 0.5}


def test_limits_are_inclusive_and_reasons_name_the_rule():
    policy = PolicySettings(max_nsfw=0.4, min_relevance=0.35)
    assert judged({"nsfw": 0.4, "relevance": 0.35}, policy)[0]
    assert judged({"nsfw": 0.41, "relevance": 0.9}, policy) == (False, "nsfw-over-limit: 0.410 > 0.4")
    assert judged({"nsfw": 0.1, "relevance": 0.349}, policy) == (False, "relevance-under-limit: 0.349 < 0.35")


@pytest.mark.parametrize("missing", ["nsfw", "relevance"])
def test_what_is_unknown_is_rejected(missing):
    without = {name: value for name, value in GOOD.items() if name != missing}
    for rewards in (without, {**GOOD, missing: float("nan")}):
        approved, reason = judged(rewards, PolicySettings())
        assert not approved
        assert reason.startswith(f"{missing}-unknown")


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
    assert result.metrics == {"approved": 2.0, "rejected": 1.0}
    found = decisions(ctx)
    assert {name: row["decision"] for name, row in found.items()} == {"a": "approve", "b": "reject", "d": "approve"}
    assert found["b"]["reason"] == "nsfw-unknown: no safety score"
    assert found["a"]["by"] == "policy:default-1"
    assert found["a"]["decided_at"] == end_of_day(ctx.ds)

    # again: nothing is added
    assert run(ctx).rows == {"cover_decisions": 0}


def test_another_policy_or_night_makes_another_decision(make_context):
    def decision_id(ds=DS, **policy):
        return _decision(make_context(ds=ds, policy=policy), generated("a"))["decision_id"]

    assert decision_id() == decision_id()
    assert len({decision_id(), decision_id(name="strict"), decision_id(ds="2026-03-30")}) == 3


def test_without_covers_the_stage_to_run_is_named(make_context):
    with pytest.raises(UsageError, match="coverlift generate --ds 2026-03-29"):
        run(make_context(ds=DS))
