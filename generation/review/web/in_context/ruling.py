"""Which rule of the written policy spoke about a cover: what it measured, and the limit that it holds that against."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from conf.policy import PolicySettings, Rule
from generation.review.policy.rules import SAFETY

DOES = {"reject": "rejects", "ask": "asks a person", "approve": "approves"}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One thing that a rule looked at."""

    measured: str
    limit: str = ""
    """Where the rule begins to hold; empty where nothing is measured."""
    rewards: tuple[str, ...] = ()
    """Rewards that it looked at, by name."""


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What the policy answered, and why."""

    answer: str
    rule: str
    marks: tuple[Mark, ...]

    @property
    def words(self) -> str:
        """In one line."""
        seen = "; ".join(f"{mark.measured} ({mark.limit})" if mark.limit else mark.measured for mark in self.marks)
        return f"policy {DOES.get(self.answer, self.answer)}, {self.rule}: {seen}"

    @property
    def rewards(self) -> frozenset[str]:
        """Rewards that the rule looked at."""
        return frozenset(name for mark in self.marks for name in mark.rewards)


def policy_of(facts: Mapping[str, Any]) -> PolicySettings:
    """The policy that a night ran with, from what the desk keeps of it.

    One that this version cannot read has no rules here: what a decision says of itself is all that is known.
    """
    try:
        return PolicySettings.model_validate(facts.get("policy", {"rules": ()}))
    except ValidationError:
        return PolicySettings(rules=())


def ruling(
    answer: str | None, reason: str | None, policy: PolicySettings, rewards: Mapping[str, float] | None = None
) -> Ruling | None:
    """The rule behind a decision of the policy; None where it said nothing.

    Parameters
    ----------
    answer, reason
        As in ``cover_decisions``; the reason is the rule's name and what it saw.
    policy
        That the night ran with; has the limits that the reason does not repeat.
    rewards
        The cover's, by name.

    Examples
    --------
    >>> ruling("reject", "relevance-under-limit: relevance 0.212 < 0.25", PolicySettings()).words
    'policy rejects, relevance-under-limit: relevance 0.212 (under 0.25)'
    """
    if not answer or not reason:
        return None
    name, _, detail = reason.partition(": ")
    rule = next((each for each in policy.rules if each.name == name), None)
    if name == "nsfw-over-limit":
        measured, _, limit = detail.partition(" > ")
        marks = [Mark(measured=f"{SAFETY} {measured}", limit=f"over {limit}", rewards=(SAFETY,))]
    elif name == "nsfw-unknown":
        marks = [Mark(measured=detail, limit=f"must be known and at most {policy.max_nsfw:g}", rewards=(SAFETY,))]
    else:
        marks = [_mark(part, rule, rewards or {}) for part in detail.split("; ") if part]
    return Ruling(answer=answer, rule=name, marks=tuple(marks))


SIGNS = {">=": "at least", ">": "over", "<=": "at most", "<": "under"}


def _mark(part: str, rule: Rule | None, rewards: Mapping[str, float]) -> Mark:
    """One part of a reason, as :mod:`generation.review.policy.rules` words it."""
    bound = re.fullmatch(r"(\w+) (-?[\d.]+) ((?:>=|>|<=|<) .+)", part)
    if bound:
        limit = re.sub(r">=|<=|>|<", lambda sign: SIGNS[sign[0]], bound[3])
        return Mark(measured=f"{bound[1]} {bound[2]}", limit=limit, rewards=(bound[1],))
    unknown = re.fullmatch(r"(\w+) unknown|no (.+) score", part)
    if unknown:
        names = tuple((unknown[1] or unknown[2]).split(", "))
        return Mark(measured=part, limit="must be known", rewards=names)
    lowest = re.fullmatch(r"(\w+) among the lowest ([\d.]+%)", part)
    if lowest:
        value = f" {rewards[lowest[1]]:.3f}" if lowest[1] in rewards else ""
        limit = f"the lowest {100 * rule.when.lowest:g}%" if rule and rule.when.lowest else ""
        return Mark(measured=f"{lowest[1]}{value}, among the lowest {lowest[2]}", limit=limit, rewards=(lowest[1],))
    apart = re.fullmatch(r"(\w+) over (\d+)% of covers, (\w+) over (\d+)%", part)
    if apart:
        limit = f"{100 * rule.when.disagree:g}% apart" if rule and rule.when.disagree else ""
        measured = f"{apart[1]} is over {apart[2]}% of covers, {apart[3]} over {apart[4]}%"
        return Mark(measured=f"{measured}: {int(apart[2]) - int(apart[4])}% apart", limit=limit,
                    rewards=(apart[1], apart[3]))  # fmt: skip
    drawn = re.fullmatch(r"drawn, ([\d.e-]+) of all", part)
    if drawn:
        return Mark(measured="drawn by chance", limit=f"{100 * float(drawn[1]):g}% of all covers")
    return Mark(measured=part)
