"""What a rule measured and its limit, from the very words that the policy writes."""

import pytest

from conf.policy import Condition, PolicySettings, Range, RewardRanges, Rule
from generation.review.policy.rules import CoverFacts, ItemFacts, drawn, judged
from generation.review.web.in_context.ruling import policy_of, ruling

GOOD = {"nsfw": 0.01, "relevance": 0.8, "personal": 0.3, "aesthetic": 0.5}
MIDDLE = {"relevance": 0.5, "personal": 0.5, "aesthetic": 0.5}


def spoken(policy, rewards, **facts):
    verdict = judged(CoverFacts(rewards=rewards, **{"ranks": MIDDLE, **facts}), policy)
    return verdict, ruling(verdict.answer, verdict.reason, policy, rewards)


@pytest.mark.parametrize(
    ("rewards", "facts", "rule", "measured", "limit", "names"),
    [
        ({"nsfw": 0.7}, {}, "nsfw-over-limit", "nsfw 0.700", "over 0.4", ("nsfw",)),
        ({}, {}, "nsfw-unknown", "no safety score", "must be known and at most 0.4", ("nsfw",)),
        ({"nsfw": 0.1}, {}, "relevance-unknown", "no relevance score", "must be known", ("relevance",)),
        ({**GOOD, "relevance": 0.2}, {}, "relevance-under-limit", "relevance 0.200", "under 0.25", ("relevance",)),
        (GOOD, {"ranks": {**MIDDLE, "aesthetic": 0.004}}, "lowest-reward", "aesthetic 0.500, among the lowest 0.4%",
         "the lowest 1%", ("aesthetic",)),
        (GOOD, {"ranks": {"personal": 0.99, "relevance": 0.02}}, "looks-disagree",
         "personal is over 99% of covers, relevance over 2%: 97% apart", "95% apart", ("personal", "relevance")),
        (GOOD, {}, "within-limits", "relevance 0.800", "at least 0.25", ("relevance",)),
    ],
)  # fmt: skip
def test_rules_of_the_default_policy(rewards, facts, rule, measured, limit, names):
    verdict, found = spoken(PolicySettings(), rewards, **facts)
    assert (found.answer, found.rule) == (verdict.answer, rule)
    (mark,) = found.marks
    assert (mark.measured, mark.limit, mark.rewards) == (measured, limit, names)
    assert found.rewards == set(names)


def test_several_parts_of_a_rule():
    when = Condition(
        rewards=RewardRanges(personal=Range(min=0.1, below=0.4)), categories=("food",), share=0.5, segments=("s1",)
    )
    policy = PolicySettings(rules=(Rule(name="food-ask", when=when, answer="ask"),))
    item = ItemFacts(title="soup", category="food")
    unit = next(name for name in map(str, range(99)) if drawn(name) < 0.5)
    _, found = spoken(policy, GOOD, item=item, segment="s1", unit_id=unit)
    assert [(mark.measured, mark.limit) for mark in found.marks] == [
        ("personal 0.300", "at least 0.1 and under 0.4"),
        ("segment s1", ""),
        ("drawn by chance", "50% of all covers"),
        ("category food", ""),
    ]
    assert found.words.startswith("policy asks a person, food-ask: personal 0.300 (at least 0.1 and under 0.4); ")


def test_no_answer_is_no_ruling_and_an_unknown_policy_still_has_its_words():
    assert ruling(None, None, PolicySettings()) is None
    old = policy_of({"policy": {"name": "old", "a_setting_of_once": 1}})
    assert old.rules == policy_of({}).rules == ()
    found = ruling("ask", "lowest-reward: personal among the lowest 0.3%", old, {})
    assert [(mark.measured, mark.limit) for mark in found.marks] == [("personal, among the lowest 0.3%", "")]
    assert policy_of({"policy": PolicySettings().model_dump(mode="json")}) == PolicySettings()
