"""How much reviewers decide, how fast, how often it lasts, and how far they and the policy agree."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

from sqlalchemy import Connection, select

from generation.review.log.answers.case_state import VOTES
from generation.review.log.answers.double_review import ratings
from generation.review.log.schema import cases, entries, undone
from generation.review.log.sealing.chain import Entry, parsed
from generation.review.web.agreement import Estimate, wilson

NOTHING = Estimate(value=None, low=None, high=None, n=0)


@dataclass(frozen=True, kw_only=True)
class Reviewer:
    """One person's figures."""

    name: str
    decisions: int
    """One by one; what bulk steps decided is not among them."""
    in_bulk: int
    a_day: float
    """Decisions on a day on which this person decided anything."""
    seconds: float | None
    """Median time from one decision to the next, pauses left out."""
    overturned: Estimate
    """Share of the settled covers that came to another answer than this person's last."""
    agreement: Estimate
    """Share of answers to two-person covers that are the same as the other's."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What people said about the covers that one rule of the policy spoke about."""

    said: str
    """approve, reject or ask."""
    rule: str
    agreed: Estimate
    """Share that people answered as the policy did; of what it asked, the share that they approved."""
    in_sample: Estimate
    """The same among the covers of the random sample: what people looked at beside it they chose themselves."""


def reviewers(connection: Connection, since: str, pause: float) -> list[Reviewer]:
    """Figures by person, of standing decisions since then.

    Parameters
    ----------
    connection
        Of the desk's database.
    since
        As the desk keeps times.
    pause
        Seconds: a longer time between two decisions is a pause.
    """
    gone = select(undone.c.seq).where(undone.c.seq == entries.c.seq).exists()
    query = select(entries.c.body).where(entries.c.at >= since, entries.c.kind.in_((*VOTES, "takedown")), ~gone)
    log: dict[str, list[Entry]] = defaultdict(list)
    for body in connection.execute(query.order_by(entries.c.seq)).scalars():
        entry = parsed(body)
        log[entry.by].append(entry)
    nights = sorted({entry.ds for mine in log.values() for entry in mine})
    final = {
        (row.ds, row.unit_id): _answer(row.verdict, row.cover_id)
        for row in connection.execute(
            select(*(cases.c[name] for name in ("ds", "unit_id", "verdict", "cover_id"))).where(
                cases.c.ds.in_(nights), cases.c.verdict.is_not(None)
            )
        )
    }
    same = _same_answers(connection, nights)
    return [_figures(name, mine, final, same.get(name, []), pause) for name, mine in sorted(log.items())]


def _figures(
    name: str, mine: list[Entry], final: dict[tuple[str, str], Any], same: list[bool], pause: float
) -> Reviewer:
    single = [entry for entry in mine if entry.bulk_id is None]
    days = {entry.at[:10] for entry in single}
    times = [datetime.fromisoformat(entry.at) for entry in single]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    last = {(entry.ds, entry.unit_id or ""): _answer(entry.kind, entry.cover_id) for entry in mine}
    settled = [final[place] != answer for place, answer in last.items() if place in final]
    return Reviewer(
        name=name,
        decisions=len(single),
        in_bulk=len(mine) - len(single),
        a_day=len(single) / len(days) if days else 0.0,
        seconds=median(short) if (short := [gap for gap in gaps if gap <= pause]) else None,
        overturned=share(settled),
        agreement=share(same),
    )


def _same_answers(connection: Connection, nights: Iterable[str]) -> dict[str, list[bool]]:
    """For each person, whether each other answer to the same cover was the same."""
    found: dict[str, list[bool]] = defaultdict(list)
    for ds in nights:
        for given in ratings(connection, ds).values():
            for name, answer in given.items():
                found[name] += [answer == other for each, other in given.items() if each != name]
    return found


def _answer(kind: str, cover_id: str | None) -> tuple[str, str | None]:
    """What counts as the same answer: approving the same cover, rejecting, or taking it down."""
    return ("approve", cover_id) if kind in ("approve", "pick") else (kind, None)


def share(hits: list[bool]) -> Estimate:
    """A share with Wilson's 95 % interval.

    Examples
    --------
    >>> found = share([True] * 7 + [False] * 3)
    >>> found.value, round(found.low, 4), round(found.high, 4)
    (0.7, 0.3968, 0.8922)
    """
    if not hits:
        return NOTHING
    value = sum(hits) / len(hits)
    low, high = wilson(value, len(hits))
    return Estimate(value=value, low=low, high=high, n=len(hits))


def rules(connection: Connection, since: str) -> list[Rule]:
    """What people made of the policy's word, by rule, most covers first; decisions since then."""
    names = ("policy_decision", "policy_reason", "verdict", "cover_id", "selected_cover_id", "sampled")
    query = select(*(cases.c[name] for name in names)).where(
        cases.c.verdict.is_not(None), cases.c.decided_at >= since, cases.c.policy_decision.is_not(None)
    )
    hits: dict[tuple[str, str], list[bool]] = defaultdict(list)
    sample: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in connection.execute(query.execution_options(yield_per=2000)):
        place = (row.policy_decision, str(row.policy_reason or "").partition(":")[0] or "–")
        approved = row.verdict == "approve" and row.cover_id == row.selected_cover_id
        hit = row.verdict in ("reject", "takedown") if row.policy_decision == "reject" else approved
        hits[place].append(hit)
        if row.sampled:
            sample[place].append(hit)
    order = Counter({place: len(found) for place, found in hits.items()})
    return [
        Rule(said=place[0], rule=place[1], agreed=share(hits[place]), in_sample=share(sample[place]))
        for place, _ in sorted(order.items(), key=lambda each: (-each[1], each[0]))
    ]
