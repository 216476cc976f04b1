"""Ranges and rules as they are written down."""

import pytest

from conf.policy import Condition, PolicySettings, Range, RewardRanges, Rule


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        ({"min": 0.25}, [0.25, 1.0], [0.2499]),
        ({"max": 0.25}, [0.25, -1.0], [0.2501]),
        ({"above": 0.25}, [0.2501], [0.25]),
        ({"below": 0.25}, [0.2499], [0.25]),
        ({"min": 0.1, "above": 0.2, "max": 0.4, "below": 0.3}, [0.25], [0.2, 0.3]),
    ],
)
def test_every_bound_that_is_given_holds(bounds, inside, outside):
    chosen = Range(**bounds)
    assert all(chosen.holds(value) for value in inside)
    assert not any(chosen.holds(value) for value in outside)
    assert not chosen.holds(float("nan"))


def test_a_range_says_its_bounds():
    assert str(Range(min=0.2, below=0.5)) == ">= 0.2 and < 0.5"
    assert str(Range(above=1, max=2)) == "> 1 and <= 2"


@pytest.mark.parametrize(
    ("bounds", "complaint"),
    [
        ({}, "needs min, max, above or below"),
        ({"min": 0.5, "below": 0.4}, "range is empty"),
        ({"min": 1e999}, "finite"),
    ],
)
def test_ranges_that_hold_for_nothing_are_refused(bounds, complaint):
    with pytest.raises(ValueError, match=complaint):
        Range(**bounds)


def test_what_was_left_out_is_not_shown():
    when = Condition(rewards=RewardRanges(relevance=Range(min=0.25)), categories=("food",))
    assert when.model_dump() == {"rewards": {"relevance": {"min": 0.25}}, "categories": ("food",)}
    assert Condition().model_dump() == {}


@pytest.mark.parametrize("name", ["", "Upper", "-dash", "a" * 64, "two words"])
def test_names_of_rules_are_short_words(name):
    with pytest.raises(ValueError, match="name"):
        Rule(name=name, when=Condition(), answer="ask")


def test_names_are_those_of_one_rule():
    twice = (Rule(name="sample", when=Condition(), answer="ask"),) * 2
    with pytest.raises(ValueError, match="sample"):
        PolicySettings(rules=twice)
    with pytest.raises(ValueError, match="no-rule"):
        PolicySettings(rules=(Rule(name="no-rule", when=Condition(), answer="ask"),))
