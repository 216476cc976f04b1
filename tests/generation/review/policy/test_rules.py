import math
from pathlib import Path

import pytest

from conf.errors import UsageError
from conf.load import load_settings
from conf.policy import PolicySettings
from generation.review.policy.rules import CoverFacts, ItemFacts, drawn, judged

GOOD = {"nsfw": 0.01, "relevance": 0.9, "personal": 0.2, "aesthetic": 0.5}
SHOE = ItemFacts(title="Running shoe by Näike", category="sports", tags=("Air-Max",))


def policy(*rules, **more):
    named = [{"name": f"rule-{place}", "when": {}, "answer": "reject", **rule} for place, rule in enumerate(rules)]
    return PolicySettings.model_validate({"rules": named, **more})


def answer(rules, rewards=GOOD, **facts):
    middle = {name: 0.5 for name in rewards if name != "nsfw"}
    verdict = judged(CoverFacts(**{"rewards": rewards, "ranks": middle, "unit_id": "u", **facts}), rules)
    return verdict.answer, verdict.rule


def test_the_default_rules_are_two_limits():
    default = PolicySettings()
    assert answer(default) == ("approve", "within-limits")
    assert answer(default, {"nsfw": 0.4, "relevance": 0.25}) == ("approve", "within-limits")
    assert answer(default, {"nsfw": 0.41, "relevance": 0.9}) == ("reject", "nsfw-over-limit")
    assert answer(default, {"nsfw": 0.1, "relevance": 0.249}) == ("reject", "relevance-under-limit")
    assert judged(CoverFacts(rewards={"nsfw": 0.1, "relevance": 0.2}, ranks={}), default).reason == (
        "relevance-under-limit: relevance 0.200 < 0.25"
    )


def test_the_default_asks_about_what_is_doubtful_and_about_a_sample():
    default = PolicySettings()
    assert answer(default, ranks={"relevance": 0.01, "personal": 0.5}) == ("ask", "lowest-reward")
    assert answer(default, ranks={}) == ("ask", "lowest-reward")  # what is not known helps no cover
    assert answer(default, ranks={"relevance": 0.04, "personal": 0.99}) == ("ask", "looks-disagree")
    assert answer(default, ranks={"relevance": 0.06, "personal": 0.99}) == ("approve", "within-limits")
    early, late = (next(unit for unit in map(str, range(999)) if low <= drawn(unit) < high)
                   for low, high in ((0, 0.01), (0.01, 0.05)))  # fmt: skip
    assert answer(default, unit_id=early) == ("ask", "sample")
    assert answer(default, unit_id=late) == ("approve", "within-limits")
    assert answer(default, unit_id=late, first_night=True) == ("ask", "first-night-sample")
    assert answer(default, {"nsfw": 0.1, "relevance": 0.2}, ranks={"relevance": 0.01}) == (
        "reject", "relevance-under-limit",
    )  # fmt: skip


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf])
@pytest.mark.parametrize("reward", ["nsfw", "relevance"])
def test_what_is_unknown_is_not_approved(reward, unknown):
    rewards = {name: value for name, value in GOOD.items() if name != reward}
    if unknown is not None:
        rewards[reward] = unknown
    assert answer(PolicySettings(), rewards) == ("reject", f"{reward}-unknown")


def test_no_rule_approves_what_is_not_known_to_be_safe():
    everything = policy({"answer": "approve"})
    assert answer(everything) == ("approve", "rule-0")
    assert answer(everything, {}) == ("reject", "nsfw-unknown")
    assert answer(everything, {"nsfw": 0.41}) == ("reject", "nsfw-over-limit")


def test_without_a_rule_that_answers_a_cover_is_rejected():
    assert answer(policy()) == ("reject", "no-rule")
    assert answer(policy({"when": {"segments": ["s9"]}, "answer": "approve"}), segment="s1") == ("reject", "no-rule")


def test_an_unknown_value_holds_in_a_rule_that_rejects_and_not_in_one_that_approves():
    ugly = {"when": {"rewards": {"aesthetic": {"below": 0.1}}}}
    pretty = {"when": {"rewards": {"aesthetic": {"min": 0.1}}}, "answer": "approve"}
    without = {"nsfw": 0.01}
    assert answer(policy(ugly, pretty), without) == ("reject", "rule-0")
    assert answer(policy(pretty, {"answer": "ask"}), without) == ("ask", "rule-1")
    food = policy({"when": {"categories": ["food"]}, "answer": "ask"}, {"answer": "approve"})
    assert answer(food, item=None) == ("ask", "rule-0")
    assert answer(food, item=SHOE) == ("approve", "rule-1")


def test_the_first_rule_that_holds_answers_and_all_its_parts_must_hold():
    rules = policy(
        {"when": {"segments": ["s1"], "methods": ["profile"], "safety": {"above": 0.2}}, "answer": "ask"},
        {"when": {"rewards": {"personal": {"min": 0.1, "below": 0.3}}}, "answer": "approve"},
    )
    risky = {**GOOD, "nsfw": 0.3}
    assert answer(rules, risky, segment="s1", method="profile") == ("ask", "rule-0")
    assert answer(rules, risky, segment="s1", method="icg") == ("approve", "rule-1")
    assert answer(rules, {**GOOD, "personal": 0.3}) == ("reject", "no-rule")


@pytest.mark.parametrize(
    ("brand", "found"),
    [
        ("naike", True),
        ("NÄIKE", True),
        ("air max", True),
        ("air", True),
        ("aik", False),
        ("max air", False),
        ("®", False),
    ],
)
def test_brands_are_found_as_words_whatever_case_accents_and_punctuation(brand, found):
    rules = policy({"when": {"brands": ["sport"]}}, {"answer": "approve"}, brands={"sport": [brand]})
    assert answer(rules, item=SHOE)[0] == ("reject" if found else "approve")


def test_brands_in_scripts_without_spaces_are_found_inside():
    rules = policy({"when": {"brands": ["drinks"]}}, {"answer": "approve"}, brands={"drinks": ["可乐"]})
    assert answer(rules, item=ItemFacts(title="我爱可乐", category="food"))[0] == "reject"


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        (
            "[{name: a, when: {rewards: {relevence: {min: 1}}}, answer: ask}]",
            r"mean 'policy\.rules\.when\.rewards\.relev",
        ),
        ("[{name: a, whn: {}, answer: ask}]", r"did you mean 'policy\.rules\.when'"),
        ("[{name: a, when: {safety: {}}, answer: ask}]", "a range needs min, max, above or below"),
        ("[{name: a, when: {safety: {above: 2, max: 1}}, answer: ask}]", "the range is empty"),
        ("[{name: a, when: {safety: {min: .nan}}, answer: ask}]", "finite number"),
        ("[{name: a, when: {}, answer: maybe}]", r"policy\.rules\.0\.answer: input should be 'approve', 'reject' or"),
        ("[{name: a, when: {}, answer: ask}, {name: a, when: {}, answer: ask}]", "two rules are named 'a'"),
        ("[{name: no-rule, when: {}, answer: approve}]", "no rule may be named 'no-rule'"),
        ("[{name: a, when: {brands: [spot]}, answer: ask}]", r"brand list 'spot', which is not there; .*'sport'"),
    ],
)
def test_a_bad_rule_is_refused_with_what_mends_it(rules, complaint):
    with pytest.raises(UsageError, match=complaint):
        load_settings(overrides=["policy.brands={sport: [nike]}", f"policy.rules={rules}"])


def test_rules_come_back_as_they_were_written(tmp_path):
    from conf.load import dump_settings

    rules = "policy.rules=[{name: a, when: {safety: {min: 0.0, below: 0.2}, segments: [s1]}, answer: approve}]"
    settings = load_settings(overrides=[rules])
    (tmp_path / "again.yaml").write_text(dump_settings(settings))
    assert load_settings(config=tmp_path / "again.yaml") == settings
    assert "aesthetic: null" not in dump_settings(settings)


def test_the_example_of_the_guide_is_a_policy(tmp_path):
    guide = (Path(__file__).parents[4] / "docs" / "policy.md").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(guide.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    found = load_settings(config=tmp_path / "mine.yaml").policy
    soda = ItemFacts(title="coca cola", category="food-drink")
    assert answer(found, item=soda) == ("ask", "brand")
    assert answer(found, method="profile", item=SHOE) == ("approve", "proven")
