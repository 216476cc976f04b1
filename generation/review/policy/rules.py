"""Reading the written policy: which rule answers for a cover, and what it saw.

A condition is true, false or unknown. Unknown never helps a cover: it holds in a rule that
rejects or asks and does not hold in one that approves.
"""

import hashlib
import math
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from conf.policy import Answer, Condition, PolicySettings, Rule

RANKED = ("personal", "relevance", "aesthetic")
"""Rewards that say how good a cover is, each by a model of its own."""
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
    ranks: Mapping[str, float] = field(default_factory=dict)
    """By reward, the share of the night's covers that have as much of it or less; of the known ones alone."""
    first_night: bool = False
    """No earlier night has a cover of its generator."""
    unit_id: str = ""


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
    >>> judged(CoverFacts(rewards={"nsfw": 0.01, "relevance": 0.8}, ranks={"relevance": 0.5}), PolicySettings()).reason
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
    yield from _among_the_night(when, facts)
    yield from _about_item(when, facts.item, brands)


def _among_the_night(when: Condition, facts: CoverFacts) -> Iterator[tuple[bool | None, str]]:
    """What follows from the night's other covers, and from chance."""
    ordered = sorted((rank, name) for name, rank in facts.ranks.items())
    if when.lowest is not None:
        holds = ordered[0][0] <= when.lowest if ordered else None
        yield holds, f"{ordered[0][1]} among the lowest {ordered[0][0]:.1%}" if ordered else "rewards unknown"
    if when.disagree is not None:
        low, high = (ordered[0], ordered[-1]) if ordered else ((0.0, ""), (0.0, ""))
        apart = high[0] - low[0] >= when.disagree if len(ordered) > 1 else False
        yield apart, f"{high[1]} over {high[0]:.0%} of covers, {low[1]} over {low[0]:.0%}"
    if when.first_night:
        yield facts.first_night, "first night of its generator"
    if when.share is not None:
        yield drawn(facts.unit_id) < when.share, f"drawn, {when.share:g} of all"


def drawn(unit_id: str) -> float:
    """A number from 0 to 1 that is fixed for a unit.

    Examples
    --------
    >>> 0 <= drawn("u1") < 1, drawn("u1") == drawn("u1")
    (True, True)
    """
    return int(hashlib.sha256(f"policy|{unit_id}".encode()).hexdigest()[:8], 16) / 2**32


def ranks(covers: Sequence[Mapping[str, float]], names: Sequence[str] = RANKED) -> list[dict[str, float]]:
    """Where each cover stands among all by each reward: the share of covers with as much or less.

    Parameters
    ----------
    covers
        The rewards of each cover by name.
    names
        Rewards that are ranked.

    Examples
    --------
    >>> ranks([{"relevance": 0.2}, {"relevance": 0.9}, {}])
    [{'relevance': 0.5}, {'relevance': 1.0}, {}]
    """
    found: list[dict[str, float]] = [{} for _ in covers]
    for name in names:
        values = [known(rewards, name) for rewards in covers]
        ordered = sorted(value for value in values if value is not None)
        for place, value in enumerate(values):
            if value is not None:
                found[place][name] = bisect_right(ordered, value) / len(ordered)
    return found


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
