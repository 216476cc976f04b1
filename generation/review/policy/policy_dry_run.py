"""A dry run of the written policy: what it would do to the covers of a night, and what that would change."""

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from conf.policy import Answer
from generation.review.policy.earlier import BY
from generation.review.policy.rules import judged
from generation.review.policy.stage import night_facts, policy_covers
from jobs.lake.context import Context

if TYPE_CHECKING:
    from rich.console import Console

EXAMPLES = 3
"""Covers shown for each rule."""
UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What the policy would answer for one cover, and what was decided about it."""

    cover_id: str
    unit_id: str
    title: str
    segment: str
    answer: Answer
    rule: str
    reason: str
    decided: str
    """The decision that stands: approve, reject, ask, or undecided."""
    decided_by: str
    """Empty where nobody decided."""

    @property
    def by_person(self) -> bool:
        """Whether a person decided, whom no policy overrides."""
        return bool(self.decided_by) and not self.decided_by.startswith(BY)

    @property
    def changes(self) -> bool:
        """Whether the answer differs from what stands."""
        return self.answer != self.decided


@dataclass(frozen=True, kw_only=True)
class RuleLine:
    """What one rule would do."""

    rule: str
    answer: Answer
    covers: int
    examples: list[Foreseen]
    """Those whose answer would change come first."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What a policy would do to a night."""

    ds: str
    policy: str
    covers: int
    taken_down: int
    """Covers that the policy leaves alone."""
    rules: list[RuleLine]
    """Every rule in its order, those that answered for no cover included."""
    changed: dict[str, int]
    """``approve -> ask`` and the like: covers whose standing decision, a policy's or none, would change."""
    against_people: dict[str, int]
    """The same where a person decided: that decision stands, and these are where person and policy disagree."""
    foreseen: list[Foreseen]
    """Every cover."""


def rehearse(ctx: Context) -> Rehearsal:
    """What the policy of the settings would do to the covers of ds; writes nothing.

    Raises
    ------
    UsageError
        When nothing was generated for ds.
    """
    covers, policy = policy_covers(ctx), ctx.settings.policy
    facts, (standing, down) = night_facts(ctx, covers), _decided(ctx)
    foreseen = []
    for row, about in zip(covers, facts, strict=True):
        if row["cover_id"] in down:
            continue
        verdict = judged(about, policy)
        past = standing.get((row["cover_id"], row["unit_id"]), {})
        item = about.item
        foreseen.append(
            Foreseen(
                cover_id=row["cover_id"],
                unit_id=row["unit_id"],
                title=item.title if item else row["item_id"],
                segment=row["segment_id"],
                answer=verdict.answer,
                rule=verdict.rule,
                reason=verdict.reason,
                decided=past.get("decision", UNDECIDED),
                decided_by=past.get("by", ""),
            )
        )
    return Rehearsal(
        ds=ctx.ds.isoformat(),
        policy=policy.name,
        covers=len(foreseen),
        taken_down=len(covers) - len(foreseen),
        rules=_lines(foreseen, [(rule.name, rule.answer) for rule in policy.rules]),
        changed=_moves(each for each in foreseen if not each.by_person),
        against_people=_moves(each for each in foreseen if each.by_person),
        foreseen=foreseen,
    )


def as_json(rehearsal: Rehearsal) -> str:
    """The whole of it, one entry a cover under ``foreseen``."""
    return json.dumps(dataclasses.asdict(rehearsal), indent=2, ensure_ascii=False)


def show(rehearsal: Rehearsal, console: "Console") -> None:
    """Print counts by rule with examples, and what would change."""
    console.print(
        f"Policy {rehearsal.policy} on the {rehearsal.covers:,} covers of {rehearsal.ds}; nothing is written. "
        f"{rehearsal.taken_down:,} covers taken down are left alone.",
        markup=False,
    )
    table = Table("rule", "answer", "covers", "share", "for example", box=None)
    for line in rehearsal.rules:
        share = f"{line.covers / rehearsal.covers:.1%}" if rehearsal.covers else ""
        examples = "; ".join(f"{each.title} for {each.segment} ({each.cover_id[:8]})" for each in line.examples)
        table.add_row(*(Text(cell) for cell in (line.rule, line.answer, f"{line.covers:,}", share, examples)))
    console.print(table)
    for words, moves in (
        ("Would change", rehearsal.changed),
        ("People decided otherwise, and that stands", rehearsal.against_people),
    ):
        listed = ", ".join(f"{count:,} {move}" for move, count in moves.items())
        console.print(f"{words}: {listed or 'nothing'}.", markup=False, soft_wrap=True)


def _lines(foreseen: Iterable[Foreseen], rules: Iterable[tuple[str, Answer]]) -> list[RuleLine]:
    by_rule: dict[tuple[str, Answer], list[Foreseen]] = {rule: [] for rule in rules}
    for each in foreseen:
        by_rule.setdefault((each.rule, each.answer), []).append(each)
    return [
        RuleLine(
            rule=rule,
            answer=answer,
            covers=len(found),
            examples=sorted(found, key=lambda each: (not each.changes, each.cover_id))[:EXAMPLES],
        )
        for (rule, answer), found in by_rule.items()
    ]


def _moves(foreseen: Iterable[Foreseen]) -> dict[str, int]:
    counts = Counter(f"{each.decided} -> {each.answer}" for each in foreseen if each.changes)
    return dict(sorted(counts.items()))


def _decided(ctx: Context) -> tuple[Mapping[tuple[str, str], Mapping[str, Any]], set[str]]:
    """The decision that stands by cover and unit (a person's before a policy's, then the latest); and takedowns.

    A ``withdraw`` of a person gives the word back to the policy.
    """
    if not ctx.lake.exists("cover_decisions"):
        return {}, set()
    rows = ctx.lake.read("cover_decisions").sort_by([("decided_at", "ascending"), ("decision_id", "ascending")])
    people: dict[tuple[str, str], dict[str, Any]] = {}
    policies: dict[tuple[str, str], dict[str, Any]] = {}
    down: set[str] = set()
    for row in rows.to_pylist():
        key = (row["cover_id"], row["unit_id"])
        if row["decision"] == "takedown":
            down.add(row["cover_id"])
        elif row["ds"] > ctx.ds.isoformat():
            continue
        elif row["by"].startswith(BY):
            policies[key] = row
        elif row["decision"] == "withdraw":
            people.pop(key, None)
        else:
            people[key] = row
    return defaultdict(dict, {**policies, **people}), down
