"""Reading the written policy: which rule answers for a cover, and what it saw.

A condition is true, false or unknown. Unknown never helps a cover: it holds in a rule that
rejects or asks and does not hold in one that approves.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from conf.policy import Answer, Condition, PolicySettings, Rule

SAFETY = "nsfw"
"""Name of the safety reward: the probability of being not safe for work."""


@dataclass(frozen=True, kw_only=True)
class ItemFacts:
    """What a rule may ask about an item."""

    title: str
    category: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CoverFacts:
    """What a rule may ask about a cover."""

    rewards: Mapping[str, float]
    """By name; a missing, NaN or infinite one is unknown."""
    segment: str = ""
    method: str = ""
    item: ItemFacts | None = None
    """None where the item is unknown."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer for a cover."""

    answer: Answer
    rule: str
    detail: str

    @property
    def reason(self) -> str:
        """``rule: what it saw``, as it is written into the decision."""
        return f"{self.rule}: {self.detail}"


def judged(facts: CoverFacts, policy: PolicySettings) -> Verdict:
    """The answer of the first rule that holds; what nothing answers is rejected.

    Parameters
    ----------
    facts
        About the cover.
    policy
        The rules. Whatever they say, a cover is not approved whose safety is unknown or over
        ``max_nsfw``.

    Examples
    --------
    >>> judged(CoverFacts(rewards={"nsfw": 0.01, "relevance": 0.8}), PolicySettings()).reason
    'within-limits: relevance 0.800 >= 0.25'
    >>> judged(CoverFacts(rewards={"relevance": 0.8}), PolicySettings()).reason
    'nsfw-unknown: no safety score'
    """
    safety = known(facts.rewards, SAFETY)
    if safety is None:
        return Verdict(answer="reject", rule="nsfw-unknown", detail="no safety score")
    if safety > policy.max_nsfw:
        return Verdict(answer="reject", rule="nsfw-over-limit", detail=f"{safety:.3f} > {policy.max_nsfw:g}")
    for rule in policy.rules:
        seen = _evidence(rule, facts, policy.brands)
        if seen is not None:
            return Verdict(answer=rule.answer, rule=rule.name, detail="; ".join(seen) or "every cover")
    return Verdict(answer="reject", rule="no-rule", detail="no rule of the policy answers")


def known(rewards: Mapping[str, float], name: str) -> float | None:
    """A reward, None where it is unknown."""
    value = rewards.get(name)
    return None if value is None or not math.isfinite(value) else float(value)


def _evidence(rule: Rule, facts: CoverFacts, brands: Mapping[str, Sequence[str]]) -> list[str] | None:
    """What made the rule hold, part by part; None where it does not hold."""
    seen: list[str] = []
    for holds, words in _parts(rule.when, facts, brands):
        if holds is False or (holds is None and rule.answer == "approve"):
            return None
        seen.append(words)
    return seen


def _parts(
    when: Condition, facts: CoverFacts, brands: Mapping[str, Sequence[str]]
) -> Iterator[tuple[bool | None, str]]:
    """Each part of a condition: true, false or unknown (None), and the words for it."""
    if when.unknown:
        missing = [name for name in when.unknown if known(facts.rewards, name) is None]
        yield bool(missing), "no " + ", ".join(missing) + " score"
    ranges = {SAFETY: when.safety, **{name: getattr(when.rewards, name) for name in type(when.rewards).model_fields}}
    for name, bounds in ranges.items():
        if bounds is not None:
            value = known(facts.rewards, name)
            yield (None, f"{name} unknown") if value is None else (bounds.holds(value), f"{name} {value:.3f} {bounds}")
    if when.segments:
        yield facts.segment in when.segments, f"segment {facts.segment}"
    if when.methods:
        yield facts.method in when.methods, f"method {facts.method}"
    yield from _about_item(when, facts.item, brands)


def _about_item(
    when: Condition, item: ItemFacts | None, brands: Mapping[str, Sequence[str]]
) -> Iterator[tuple[bool | None, str]]:
    if when.categories:
        yield (
            (None, "category unknown")
            if item is None
            else (
                item.category in when.categories,
                f"category {item.category}",
            )
        )
    if when.brands:
        if item is None:
            yield None, "words of the item unknown"
        else:
            found = next(_named(item, when.brands, brands), None)
            yield found is not None, f"brand {found}"


def _named(item: ItemFacts, lists: Iterable[str], brands: Mapping[str, Sequence[str]]) -> Iterator[str]:
    texts = [_plain(text) for text in (item.title, *item.tags)]
    for name in lists:
        for brand in brands[name]:
            if any(_mentions(text, brand) for text in texts):
                yield f"{brand} of list {name}"


def _plain(text: str) -> str:
    """Lower case, without accents, compatibility forms and punctuation: ``Coca-Cola®`` is ``coca cola``."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return " ".join(re.findall(r"\w+", bare))


@cache
def _pattern(brand: str) -> re.Pattern[str]:
    plain = _plain(brand)
    # Scripts without spaces between words (Chinese, Thai ...) are searched inside words as well.
    inside = any(unicodedata.category(sign) == "Lo" for sign in plain)
    return re.compile(re.escape(plain) if inside else rf"(?<!\w){re.escape(plain)}(?!\w)")


def _mentions(plain: str, brand: str) -> bool:
    return bool(_plain(brand)) and _pattern(brand).search(plain) is not None
