"""Random decisions of several reviewers, and whether the log alone comes to the same state."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select, text

from conf.errors import Refused
from generation.review.log import decisions
from generation.review.log.database import Database
from generation.review.log.decisions import Decision, columns_of, unit_of
from generation.review.log.queue import Filter
from generation.review.log.schema import APPEND_ONLY, candidates, cases, entries
from generation.review.log.sealing import chain
from generation.review.log.sync import Replay
from generation.review.web import bulk

NOW = datetime(2026, 3, 30, 8, tzinfo=UTC)
REASONS = ("ugly", "brand", "unclear")
PEOPLE = ("ann", "bob", "cid", "dee", "lea")
LEAD = "lea"
COLUMNS = ("queue", "verdict", "cover_id", "reason", "decided_by", "decided_at", "first_voter", "doubtful")


def act(database: Database, ds: str, count: int, *, seed: int = 0) -> Counter[str]:
    """Let people do ``count`` random things, undo included; returns how often what was done or refused."""
    chance, done = random.Random(seed), Counter[str]()
    with database.reading() as connection:
        pictures: dict[int, list[str]] = {}
        query = select(candidates.c.case_id, candidates.c.cover_id).order_by(candidates.c.case_id, candidates.c.number)
        for row in connection.execute(query):
            pictures.setdefault(row.case_id, []).append(row.cover_id)
    numbers = list(pictures)
    for _ in range(count):
        who, case = chance.choice(PEOPLE), chance.choice(numbers)
        dice = chance.random()
        what = "undo" if dice < 0.2 else "bulk" if dice < 0.201 else "takedown" if dice < 0.203 else "decide"
        try:
            if what == "undo":
                decisions.undo(database, who, NOW, lead=who == LEAD)
            elif what == "bulk":
                _bulk(database, ds, chance)
            elif what == "takedown":
                decisions.take_down(database, case_id=case, cover_id=pictures[case][0], by=who, reason="seen", now=NOW)
            else:
                what = _decide(database, case, pictures[case], who, chance)
        except Refused:
            what = f"{what} refused"
        done[what] += 1
    return done


def _decide(database: Database, case: int, pictures: list[str], who: str, chance: random.Random) -> str:
    kind = chance.choices(("approve", "reject", "pick", "skip", "note"), (50, 30, 10, 5, 5))[0]
    with database.reading() as connection:
        seen = connection.execute(select(cases.c.last_entry).where(cases.c.id == case)).scalar_one()
    wish = Decision(
        case_id=case,
        kind=kind,
        by=who,
        seen=seen if chance.random() < 0.97 else max(seen - 1, 0),
        cover_id=chance.choice(pictures[1:]) if kind == "pick" else None,
        reason=chance.choice(REASONS) if kind == "reject" else None,
        note="hm …" if kind == "note" else None,
        lead=who == LEAD,
    )
    decisions.decide(database, wish, REASONS, NOW)
    return kind


def _bulk(database: Database, ds: str, chance: random.Random) -> None:
    asked = Filter(ds=ds, tab=chance.choice(("pending", "done")), segment_id=f"s{chance.randrange(8)}")
    kind = chance.choice(("approve", "reject"))
    reason = "ugly" if kind == "reject" else None
    shown = bulk.preview(database, asked, kind=kind, reason=reason, reasons=REASONS, me=LEAD, limit=12, now=NOW)
    bulk.apply(database, shown.token, me=LEAD, now=NOW)


def differences(connection: Connection, ds: str) -> list[str]:
    """Where the columns of ``cases`` are not what the log alone comes to."""
    rows = {row.unit_id: row for row in connection.execute(select(cases).where(cases.c.ds == ds))}
    replay = Replay({unit: unit_of(row) for unit, row in rows.items()})
    last: dict[str, int] = {}
    for entry in chain.read(connection, ds=ds):
        for unit, _, _ in replay.step(entry):
            last[unit] = entry.seq
    found = []
    for unit, row in rows.items():
        if unit not in replay.states:
            continue
        expected = columns_of(replay.states[unit], row)
        wrong = [name for name in COLUMNS if getattr(row, name) != expected[name]]
        wrong += ["last_entry"] if row.last_entry != last[unit] else []
        found += [f"{unit[:8]}: {', '.join(wrong)}"] if wrong else []
    return found


def unguarded(connection: Connection) -> None:
    """Take away, inside this transaction, what keeps SQLite's append-only tables from being changed."""
    for table in APPEND_ONLY:
        named = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
        for name in connection.execute(text(named), {"table": table}).scalars().all():
            connection.execute(text(f'DROP TRIGGER "{name}"'))


def changed_bytes(connection: Connection, seq: int) -> Iterator[tuple[str, Any, Any]]:
    """Every change of one byte in one entry of the log: column, what it was, what it would be."""
    row = connection.execute(select(entries).where(entries.c.seq == seq)).one()._asdict()
    for column, value in row.items():
        if isinstance(value, str):
            for place, sign in enumerate(value):
                yield column, value, value[:place] + ("x" if sign != "x" else "y") + value[place + 1 :]
        else:
            yield column, value, "x" if value is None else value + 1_000_000


def unnoticed(connection: Connection, changes: Iterator[tuple[int, str, Any, Any]]) -> list[str]:
    """Changes of the log that checking the chain does not find; each is made, checked and taken back."""
    missed = []
    for seq, column, old, new in changes:
        statement = text(f'UPDATE entries SET "{column}" = :new WHERE seq = :seq')
        connection.execute(statement, {"new": new, "seq": seq})
        if not chain.faults(connection):
            missed.append(f"entry {seq}, {column}: {old!r} -> {new!r}")
        connection.execute(statement, {"new": old, "seq": new if column == "seq" else seq})
    return missed
