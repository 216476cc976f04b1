"""What the decisions about one cover come to: pure functions from entries to a state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from generation.review.log.sealing.chain import Entry

Queue = Literal["pending", "sampled", "auto", "disputed", "done"]
VOTES = ("approve", "reject", "pick")


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What is known of a unit before anybody looks at it."""

    selected: str
    """The candidate that the scores chose."""
    policy: str | None
    """Decision of the policy: approve, reject, ask, or None."""
    sampled: bool = False
    doubled: bool = False


@dataclass(frozen=True, kw_only=True)
class State:
    """What the decisions come to."""

    queue: Queue
    verdict: str | None
    """approve, reject or takedown, by people; None while they have not settled it."""
    cover_id: str
    """The cover the verdict is about: the selected one, or the one that was picked."""
    reason: str | None = None
    by: str | None = None
    at: str | None = None
    first_voter: str | None = None
    """Who gave the first of two answers while the second is awaited."""
    doubtful: bool = False
    """People disagree with each other, or with the policy."""
    held: str | None = None
    """Why the cover may not go out until people have settled it, whatever the policy says; None where it may."""


def waiting_in(unit: Unit) -> Queue:
    """Where a unit waits that nobody decided.

    What the policy did not settle is pending; of what it approved, a share is looked at.
    """
    if unit.policy not in ("approve", "reject"):
        return "pending"
    return "sampled" if unit.sampled else "auto"


def settle(unit: Unit, log: Iterable[Entry], undone: frozenset[int] | set[int] = frozenset()) -> State:
    """The state of a unit after its entries, in order.

    The last decision counts; where two people must agree, the last one of each of them, and after them
    that of the lead who settles their dispute. Until then one rejection, or a dispute, holds the cover back. A
    takedown counts for ever.

    Parameters
    ----------
    unit
        The unit.
    log
        Its entries.
    undone
        Sequence numbers of entries that were undone.

    Examples
    --------
    >>> unit = Unit(selected="c1", policy=None)
    >>> settle(unit, []).queue
    'pending'
    >>> settle(unit, [Entry(kind="approve", ds="2026-03-29", by="ann", unit_id="u", cover_id="c1")]).verdict
    'approve'
    """
    standing = [entry for entry in log if entry.seq not in undone]
    down = next((entry for entry in standing if entry.kind == "takedown"), None)
    if down is not None:
        return State(
            queue="done",
            verdict="takedown",
            cover_id=down.cover_id or unit.selected,
            reason=down.reason,
            by=down.by,
            at=down.at,
        )
    votes = [entry for entry in standing if entry.kind in VOTES]
    if not votes:
        return State(queue=waiting_in(unit), verdict=None, cover_id=unit.selected)
    ruling = next((entry for entry in reversed(votes) if entry.adjudicates or entry.bulk_id), None)
    if ruling is not None or not unit.doubled:
        return _decided(unit, [ruling if ruling and unit.doubled else votes[-1]])
    return _between_two(unit, votes)


def _between_two(unit: Unit, votes: Sequence[Entry]) -> State:
    latest = {entry.by: entry for entry in votes}
    answers = list(latest.values())
    if len(answers) == 1:
        held = "a person rejected it; another's answer is awaited" if answers[0].kind == "reject" else None
        return State(queue=_open(unit), verdict=None, cover_id=unit.selected, first_voter=answers[0].by, held=held)
    if len({_answer(unit, entry) for entry in answers}) == 1:
        return _decided(unit, answers)
    held = "two people disagree about it"
    return State(queue="disputed", verdict=None, cover_id=unit.selected, doubtful=True, held=held)


def _open(unit: Unit) -> Queue:
    queue = waiting_in(unit)
    return "pending" if queue == "auto" else queue


def _answer(unit: Unit, entry: Entry) -> tuple[str, str | None]:
    """What counts as the same answer: approving the same cover, or rejecting."""
    return ("reject", None) if entry.kind == "reject" else ("approve", entry.cover_id or unit.selected)


def _decided(unit: Unit, answers: Sequence[Entry]) -> State:
    last = max(answers, key=lambda entry: entry.seq)
    verdict, cover = _answer(unit, last)
    against_policy = unit.policy in ("approve", "reject") and (
        verdict != unit.policy or (cover is not None and cover != unit.selected)
    )
    return State(
        queue="done",
        verdict=verdict,
        cover_id=cover or last.cover_id or unit.selected,
        reason=last.reason,
        by="+".join(sorted(entry.by for entry in answers)),
        at=last.at,
        doubtful=against_policy,
    )
