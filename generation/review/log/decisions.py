"""What a reviewer can do: decide, skip, note, undo, take down. Each is one transaction of the log."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, null, select, update

from conf.errors import Conflict, Refused, Unknown
from conf.policy import PolicySettings
from generation.review.log.answers import four_eyes
from generation.review.log.answers.case_state import VOTES, State, Unit, settle
from generation.review.log.database import Database
from generation.review.log.schema import candidates, cases, entries, nights, takedowns, undone
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import Entry, clean
from generation.review.log.talk import comments
from jobs.lake.schema.review import OVER_LIMIT

CHUNK = 400
"""Values in one SQL list."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a person wants to do with a cover."""

    case_id: int
    kind: str
    by: str
    seen: int
    """``cases.last_entry`` as the person saw it; somebody else's decision in between is a conflict."""
    cover_id: str | None = None
    reason: str | None = None
    note: str | None = None
    key: str | None = None
    lead: bool = False
    importer: str | None = None
    """Who read it in from an offline file."""
    more: Mapping[str, Any] | None = None


def decide(database: Database, wish: Decision, reasons: Collection[str], now: datetime) -> Entry:
    """Approve, reject, pick another candidate, skip or note.

    Sent twice with one ``key`` it is done once.

    Returns
    -------
    Entry
        What the log now holds.

    Raises
    ------
    Refused
        When a rejection has no reason, the cover is none of the unit's, or the wish is not for this person.
    Conflict
        When somebody decided the cover in between.
    Unknown
        When there is no such cover.
    """
    if wish.kind not in (*VOTES, "skip", "note"):
        raise Refused(f"There is no decision {wish.kind!r}")
    with database.writing() as connection:
        row = _case(connection, wish.case_id, wish.key)
        if row.told is not None:
            return _as_told(connection, wish)
        allowed, who = None, four_eyes.answering(connection, wish.by, wish.importer)
        if wish.kind in VOTES:
            _check_vote(connection, row, wish, reasons)
            four_eyes.check(connection, row, who, now, ruling=_adjudicates(row, wish))
            allowed = over_limit_reason(connection, row, wish)
        elif wish.kind == "note" and clean(wish.note) is None:
            raise Refused("A note needs words.")
        entry = Entry(
            kind=wish.kind,
            ds=row.ds,
            by=wish.by,
            unit_id=row.unit_id,
            cover_id=wish.cover_id if wish.kind == "pick" else row.selected_cover_id,
            reason=clean(wish.reason) if wish.kind == "reject" else allowed,
            note=clean(wish.note),
            adjudicates=wish.kind in VOTES and _adjudicates(row, wish),
            key=wish.key,
            more={**(wish.more or {}), **who.named, **_mentioned(connection, wish)},
        )
        written = chain.append(connection, [entry], now)[0]
        comments.tell(connection, row.id, written)
        if wish.kind in VOTES:
            fresh = {row.unit_id: [written]} if not row.last_entry else None
            refresh(connection, [row], {row.unit_id: written.seq}, fresh)
        elif wish.kind == "skip":
            connection.execute(update(cases).where(cases.c.id == row.id).values(lease_by=None, lease_until=None))
        return written


def _mentioned(connection: Connection, wish: Decision) -> dict[str, list[str]]:
    names = comments.named_in(connection, clean(wish.note), wish.by)
    return {"mentions": names} if names else {}


def _case(connection: Connection, case_id: int, key: str | None = None) -> Row[Any]:
    """A case, and as ``told`` the body of the entry that has the key, in one question."""
    told = select(entries.c.body).where(entries.c.key == key).scalar_subquery() if key else null()
    row = connection.execute(select(cases, told.label("told")).where(cases.c.id == case_id)).first()
    if row is None:
        raise Unknown("There is no such cover at this desk.")
    return row


def _as_told(connection: Connection, wish: Decision) -> Entry:
    """The entry that the same request made before."""
    found = told_before(connection, wish.key, wish.by, wish.kind)
    assert found is not None
    return found


def _check_vote(connection: Connection, row: Row[Any], wish: Decision, reasons: Collection[str]) -> None:
    if wish.kind == "reject" and clean(wish.reason) not in reasons:
        raise Refused(f"A rejection needs one of the reasons {', '.join(reasons)}.")
    if wish.kind == "pick":
        known = select(candidates.c.number).where(
            candidates.c.case_id == row.id, candidates.c.cover_id == wish.cover_id
        )
        if wish.cover_id == row.selected_cover_id or connection.execute(known).first() is None:
            raise Refused("That picture is not another candidate of this cover.")
    if row.verdict == "takedown":
        raise Conflict(f"{row.decided_by} took this cover down; that cannot be changed.")
    if row.first_voter == wish.by:
        raise Conflict("You gave your answer; another person's is awaited. Undo takes yours back.")
    if row.queue == "disputed":
        _check_ruling(connection, row, wish)
    elif row.doubled and row.verdict is not None and not wish.lead:
        raise Conflict("Two people settled this cover; only a lead can change it.")
    awaits_me = row.doubled and row.first_voter is not None and row.verdict is None
    if row.last_entry != wish.seen and not awaits_me:
        raise Conflict(f"{row.decided_by or 'Somebody'} decided this cover after you opened it; look at it again.")


def over_limit_reason(connection: Connection, row: Row[Any], wish: Decision) -> str | None:
    """The reason that an approval over the night's safety limit stands with; None under the limit.

    Raises
    ------
    Refused
        When the approval is not by a lead, or without a reason in words.
    """
    if wish.kind not in ("approve", "pick"):
        return None
    nsfw = row.nsfw if wish.kind == "approve" else _nsfw_of(connection, row.id, wish.cover_id)
    if nsfw is None or nsfw <= (limit := limit_of(connection, row.ds)):
        return None
    figures = f"{nsfw:.3f} > {limit:g}"
    if not wish.lead:
        raise Refused(f"This cover is over the safety limit ({figures}): only a lead may approve it, with a reason.")
    words = clean(wish.reason)
    if words is None:
        raise Refused(f"This cover is over the safety limit ({figures}): approving it needs a reason in your words.")
    return f"{OVER_LIMIT}{figures}: {words}"


def _nsfw_of(connection: Connection, case_id: int, cover_id: str | None) -> float | None:
    query = select(candidates.c.rewards).where(candidates.c.case_id == case_id, candidates.c.cover_id == cover_id)
    return rewards_of(connection.execute(query).scalar() or "{}").get("nsfw")


def limit_of(connection: Connection, ds: str) -> float:
    """The safety limit of a night: no cover over it goes out unless a lead says why.

    A night that was loaded without one has the default policy's.
    """
    text = connection.execute(select(nights.c.facts).where(nights.c.ds == ds)).scalar()
    return float(json.loads(text or "{}").get("max_nsfw", PolicySettings().max_nsfw))


def _check_ruling(connection: Connection, row: Row[Any], wish: Decision) -> None:
    if not wish.lead:
        raise Conflict("Two people disagree about this cover; a lead settles it.")
    voters = {entry.by for entry in _logs(connection, row.ds, [row.unit_id]).get(row.unit_id, [])}
    if wish.by in voters:
        raise Refused("Somebody other than the two who disagree must settle it.")


def _adjudicates(row: Row[Any], wish: Decision) -> bool:
    return bool(row.doubled) and wish.lead and (row.queue == "disputed" or row.verdict is not None)


class BulkStep(Conflict):
    """The last decision was a bulk step: taking it back is asked about first. ``step`` says what it was."""

    def __init__(self, step: dict[str, Any]) -> None:
        super().__init__(f"Your last step decided {step['count']} covers at once; it is taken back only if you say so.")
        self.step = step


def undo(
    database: Database,
    by: str,
    now: datetime,
    *,
    bulk_id: str | None = None,
    of: str | None = None,
    key: str | None = None,
    lead: bool = False,
    ask_bulk: bool = False,
) -> Entry:
    """Take back the person's last decision, the one made with a key, or a whole bulk step.

    Covers of a bulk step that somebody decided since keep that later decision.

    Parameters
    ----------
    database, by, now, lead
        Where, who, when, and whether this person may take back somebody else's bulk step.
    bulk_id
        The bulk step.
    of
        Key of the decision; None is the last one.
    key
        Made by the browser: sent twice with one key it is done once.
    ask_bulk
        Raise :class:`BulkStep` where the last decision was a bulk step that ``bulk_id`` does not name.

    Raises
    ------
    Refused
        When there is nothing to undo, or it is somebody else's.
    Conflict
        When somebody decided after it.
    """
    with database.writing() as connection:
        told = told_before(connection, key, by, "undo")
        if told is not None:
            return told
        steps = _undoable(connection, by, bulk_id, of, lead)
        free = (
            [step for step in steps if _is_last(connection, step)] if len(steps) == 1 else _last_ones(connection, steps)
        )
        if not free:
            raise Conflict("Somebody decided after you; nothing was undone.")
        first = free[0]
        whole = len(steps) > 1 or first.bulk_id is not None
        if whole and bulk_id is None and ask_bulk:
            raise BulkStep({"id": first.bulk_id, "kind": first.kind, "count": len(steps), "free": len(free)})
        entry = Entry(
            kind="undo",
            ds=first.ds,
            by=by,
            unit_id=None if whole else first.unit_id,
            bulk_id=first.bulk_id,
            undoes=tuple(step.seq for step in free),
            key=key,
            more={"kept": len(steps) - len(free)} if len(steps) > len(free) else {},
        )
        written = chain.append(connection, [entry], now)[0]
        connection.execute(insert(undone), [{"seq": step.seq, "by_seq": written.seq} for step in free])
        for part in chunks([step.unit_id for step in free]):
            rows = connection.execute(select(cases).where(cases.c.ds == first.ds, cases.c.unit_id.in_(part))).all()
            refresh(connection, rows, dict.fromkeys(part, written.seq))
        return written


def told_before(connection: Connection, key: str | None, by: str, kind: str) -> Entry | None:
    """The entry that the same request made before; None where it is new.

    Raises
    ------
    Refused
        When the key is another person's or another kind of request's.
    """
    if key is None:
        return None
    row = connection.execute(select(entries.c.body, entries.c.hash).where(entries.c.key == key)).first()
    if row is None:
        return None
    found = chain.parsed(row.body, row.hash)
    if found.by != by or found.kind != kind:
        raise Refused("This key belongs to another decision.")
    return found


def _undoable(connection: Connection, by: str, bulk_id: str | None, of: str | None, lead: bool) -> list[Any]:
    columns = (entries.c.seq, entries.c.ds, entries.c.unit_id, entries.c.by, entries.c.bulk_id, entries.c.kind)
    open_votes = select(*columns).where(entries.c.kind.in_(VOTES), ~_undone_already())
    if bulk_id is None:
        open_votes = open_votes.where(entries.c.key == of) if of else open_votes
        last = connection.execute(open_votes.where(entries.c.by == by).order_by(entries.c.seq.desc()).limit(1)).first()
        if last is None:
            raise Refused("There is nothing of yours to undo.")
        if last.bulk_id is None:
            return [last]
        bulk_id = last.bulk_id
    steps = connection.execute(open_votes.where(entries.c.bulk_id == bulk_id).order_by(entries.c.seq)).all()
    if not steps:
        raise Refused("There is nothing left to undo of that step.")
    if steps[0].by != by and not lead:
        raise Refused(f"That step is {steps[0].by}'s; a lead can undo it.")
    return list(steps)


def _undone_already() -> Any:
    return select(undone.c.seq).where(undone.c.seq == entries.c.seq).exists()


def _is_last(connection: Connection, step: Row[Any]) -> bool:
    later = select(entries.c.seq).where(
        entries.c.ds == step.ds,
        entries.c.unit_id == step.unit_id,
        entries.c.seq > step.seq,
        entries.c.kind.in_((*VOTES, "takedown")),
        ~_undone_already(),
    )
    return connection.execute(later.limit(1)).first() is None


def _last_ones(connection: Connection, steps: Sequence[Row[Any]]) -> list[Row[Any]]:
    return [step for step in steps if _is_last(connection, step)]


def take_down(
    database: Database,
    *,
    case_id: int,
    cover_id: str,
    by: str,
    reason: str | None,
    now: datetime,
    key: str | None = None,
) -> Entry:
    """Take a cover down in every unit that holds it; the desk shows it at once, the lake when its job is done.

    Raises
    ------
    Refused
        When there is no reason, or the cover is none of the unit's.
    Unknown
        When there is no such cover.
    """
    words = clean(reason)
    if words is None:
        raise Refused("A takedown needs a reason, for the record.")
    with database.writing() as connection:
        told = told_before(connection, key, by, "takedown")
        if told is not None:
            return told
        row = _case(connection, case_id)
        of_unit = select(candidates.c.number).where(candidates.c.case_id == case_id, candidates.c.cover_id == cover_id)
        if connection.execute(of_unit).first() is None:
            raise Refused("That picture is none of this cover's candidates.")
        if row.verdict == "takedown":
            raise Conflict(f"{row.decided_by} took this cover down before.")
        holders = select(candidates.c.case_id).where(candidates.c.cover_id == cover_id)
        rows = connection.execute(select(cases).where(cases.c.id.in_(holders)).order_by(cases.c.id)).all()
        rows = sorted((each for each in rows if each.verdict != "takedown"), key=lambda each: each.id != case_id)
        new = [
            Entry(kind="takedown", ds=each.ds, by=by, unit_id=each.unit_id, cover_id=cover_id, reason=words)
            for each in rows
        ]
        new[0] = replace(new[0], key=key)
        written = chain.append(connection, new, now)
        connection.execute(insert(takedowns), [{"seq": written[0].seq, "cover_id": cover_id, "ds": row.ds}])
        for each, entry in zip(rows, written, strict=True):
            refresh(connection, [each], {each.unit_id: entry.seq})
        return written[0]


def refresh(
    connection: Connection,
    rows: Iterable[Row[Any]],
    last: Mapping[str, int],
    known: Mapping[str, list[Entry]] | None = None,
) -> None:
    """Bring cases up to the log.

    Parameters
    ----------
    connection
        Of the transaction that wrote to the log.
    rows
        The cases, all of one night.
    last
        The newest entry by unit.
    known
        All entries by unit where the caller has them and none is undone; None reads them.
    """
    chosen = list(rows)
    if not chosen:
        return
    ds, units = chosen[0].ds, [row.unit_id for row in chosen]
    logs = dict(known) if known is not None else _logs(connection, ds, units)
    numbers = [entry.seq for log in logs.values() for entry in log] if known is None else []
    gone = _undone_among(connection, numbers)
    changes = []
    for row in chosen:
        state = settle(unit_of(row), logs.get(row.unit_id, []), gone)
        changes.append({"case": row.id, "last_entry": last.get(row.unit_id, row.last_entry), **columns_of(state, row)})
    names = [name for name in changes[0] if name != "case"]
    statement = update(cases).where(cases.c.id == bindparam("case")).values({n: bindparam(f"{n}") for n in names})
    connection.execute(statement, changes)


def unit_of(row: Row[Any]) -> Unit:
    """What a case is before anybody looks at it."""
    return Unit(
        selected=row.selected_cover_id,
        policy=row.policy_decision,
        sampled=bool(row.sampled),
        doubled=bool(row.doubled),
    )


def columns_of(state: State, row: Row[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """A state as columns of ``cases``; without people's reason, the policy's rule is the reason."""
    policy = row["policy_reason"] if isinstance(row, Mapping) else row.policy_reason
    rule = str(policy).partition(":")[0] if policy else None
    return {
        "queue": state.queue,
        "verdict": state.verdict,
        "cover_id": state.cover_id,
        "reason": (state.reason or "")[:200] or (rule if state.verdict is None else None),
        "decided_by": state.by,
        "decided_at": state.at,
        "first_voter": state.first_voter,
        "doubtful": int(state.doubtful),
        "lease_by": None,
        "lease_until": None,
    }


def _logs(connection: Connection, ds: str, units: Sequence[str]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for part in chunks(units):
        query = select(entries.c.body, entries.c.unit_id).where(
            entries.c.ds == ds, entries.c.unit_id.in_(part), entries.c.kind.in_((*VOTES, "takedown"))
        )
        for row in connection.execute(query.order_by(entries.c.seq)):
            found.setdefault(row.unit_id, []).append(chain.parsed(row.body))
    return found


def _undone_among(connection: Connection, numbers: Sequence[int]) -> set[int]:
    gone: set[int] = set()
    for part in chunks(numbers):
        gone |= set(connection.execute(select(undone.c.seq).where(undone.c.seq.in_(part))).scalars())
    return gone


def chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Parts that fit into one SQL list."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def rewards_of(text: str) -> dict[str, float]:
    """A candidate's rewards by name."""
    return {str(name): float(value) for name, value in json.loads(text).items() if value is not None}
