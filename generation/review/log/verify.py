"""Whether the desk's records are as they were written: the chains, what follows from them, where else they are known.

What is checked, from the inside out: the triggers, both chains and the row where the key's hashes start; what the
tables say beside the log (undone entries, takedowns, covers, accounts); the witness beside the key; the heads that
the lake got.
"""

from collections.abc import Iterator
from datetime import date

from sqlalchemy import Connection, select, text

from generation.review.log.answers.case_state import VOTES, settle
from generation.review.log.database import Database
from generation.review.log.decisions import columns_of, unit_of
from generation.review.log.schema import APPEND_ONLY, accounts, audit, cases, entries, takedowns, undone
from generation.review.log.sealing import audit_chain, chain
from generation.review.log.sealing.chain import Entry
from generation.review.log.sealing.sealed_facts import ACCOUNT, NIGHT, account_digest, night_fault, noted, start_faults
from generation.review.log.together import assignments
from jobs.lake.lake import Lake

HEADS = "review_heads"
"""Table of the lake that keeps how far the chains went at each sync."""
FOLLOWS = ("queue", "verdict", "cover_id", "reason", "decided_by", "decided_at", "first_voter", "doubtful")
"""Columns of a case that follow from the log."""


def faults(database: Database, lake: Lake | None = None, ds: date | None = None) -> list[str]:
    """Everything that is not as it was written, in words; empty when all of it holds.

    Parameters
    ----------
    database
        The desk's.
    lake
        Where heads of the chains were anchored; None leaves that out.
    ds
        Compare the covers of this night only with the log; None: of all nights.
    """
    with database.reading() as connection:
        found = [*_triggers(connection), *start_faults(connection)]
        found += [*chain.faults(connection), *audit_chain.faults(connection)]
        if found:
            return found + list(_ends(connection, database, lake))
        found += _accounts(connection)
        found += _beside_the_log(connection)
        nights = select(cases.c.ds).distinct().order_by(cases.c.ds)
        for day in [ds.isoformat()] if ds else connection.execute(nights).scalars().all():
            found += _night(connection, day)
        if ds is None:
            found += [f"the covers of {day} are gone" for day in _lost_nights(connection)]
        return found + list(_ends(connection, database, lake))


def _triggers(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        whats = ("UPDATE", "DELETE", "REPLACE")
    else:
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        whats = ("UPDATE", "DELETE", "TRUNCATE")
    there = {str(name).lower() for name in connection.execute(text(query)).scalars()}
    for table in APPEND_ONLY:
        for what in whats:
            if f"{table}_no_{what}".lower() not in there:
                yield f"the trigger that refuses {what} on {table} is gone or off"


def _accounts(connection: Connection) -> Iterator[str]:
    known = noted(connection, ACCOUNT, "name")
    rows = {row.name: row for row in connection.execute(select(accounts))}
    for name in sorted(known.keys() | rows.keys()):
        if name not in rows:
            yield f"the account {name!r} is gone"
        elif name not in known:
            yield f"the account {name!r} was made around the desk"
        elif account_digest(rows[name]) != known[name]["sha256"]:
            yield f"the account {name!r} is not as the desk left it ({known[name]['is']}): role or password was changed"


def _beside_the_log(connection: Connection) -> Iterator[str]:
    """Undone entries and takedowns, which the tables repeat."""
    kinds = select(entries.c.body).where(entries.c.kind.in_(("undo", "takedown"))).order_by(entries.c.seq)
    log = [chain.parsed(body) for body in connection.execute(kinds).scalars()]
    meant = {seq: entry.seq for entry in log for seq in entry.undoes}
    said = {row.seq: row.by_seq for row in connection.execute(select(undone))}
    for seq in sorted(meant.keys() ^ said.keys()):
        yield f"entry {seq} is " + ("not marked as undone" if seq in meant else "marked as undone, which nobody did")
    down = {entry.cover_id for entry in log if entry.kind == "takedown"}
    kept = set(connection.execute(select(takedowns.c.cover_id)).scalars())
    for cover in sorted(str(each) for each in down - kept):
        yield f"the takedown of {cover[:12]} is not on its way to the lake"


def _night(connection: Connection, ds: str) -> Iterator[str]:
    fault = night_fault(connection, ds)
    if fault is not None:
        yield fault
    logs: dict[str, list[Entry]] = {}
    for entry in chain.read(connection, ds=ds):
        if entry.kind in (*VOTES, "takedown") and entry.unit_id is not None:
            logs.setdefault(entry.unit_id, []).append(entry)
    gone = set(connection.execute(select(undone.c.seq)).scalars())
    query = select(cases).where(cases.c.ds == ds)
    for row in connection.execute(query.execution_options(yield_per=2000)):
        due = columns_of(settle(unit_of(row), logs.pop(row.unit_id, []), gone), row)
        wrong = [name for name in FOLLOWS if getattr(row, name) != due[name]]
        if wrong:
            yield f"cover {row.id} of {ds}: {', '.join(wrong)} does not follow from the log"
    yield from assignments.faults(connection, ds)
    for unit in sorted(logs):
        yield f"the log of {ds} decides {unit[:12]}, which is no cover of that night"


def _lost_nights(connection: Connection) -> list[str]:
    days = set(connection.execute(select(cases.c.ds).distinct()).scalars())
    known = noted(connection, NIGHT, "ds")
    return sorted(day for day, line in known.items() if line["units"] and day not in days)


def _ends(connection: Connection, database: Database, lake: Lake | None) -> Iterator[str]:
    """Where else it is known how far the chains went: the witness, and the lake."""
    for name, (number, digest) in database.seal.seen().items():
        yield from _not_there(connection, name, number, digest, "this machine saw it committed")
    if lake is not None and lake.exists(HEADS):
        for row in lake.read(HEADS).to_pylist():
            yield from _not_there(connection, row["chain"], row["seq"], row["hash"], f"the lake got it on {row['ds']}")


def _not_there(connection: Connection, name: str, number: int, digest: str, where: str) -> Iterator[str]:
    table, column = (entries, entries.c.seq) if name == "decisions" else (audit, audit.c.id)
    found = connection.execute(select(table.c.hash).where(column == number)).scalar()
    word = "entry" if name == "decisions" else "line of the audit"
    if number and (found or chain.GENESIS) != digest:
        yield (
            f"{word} {number} is {'another' if found else 'missing'}, but {where}: the log was cut off, put back to an "
            "older state or exchanged"
        )


def heads(connection: Connection, ds: date) -> list[dict[str, object]]:
    """How far the chains go, as rows of the lake's table; a chain without entries has none."""
    number, digest, at = chain.head(connection)
    last = connection.execute(select(audit.c.id, audit.c.hash, audit.c.at).order_by(audit.c.id.desc()).limit(1)).first()
    rows = [("decisions", number, digest, at)] if number else []
    rows += [("audit", last.id, last.hash, last.at)] if last and last.hash else []
    return [
        {"ds": ds.isoformat(), "chain": name, "seq": seq, "hash": digest, "at": moment}
        for name, seq, digest, moment in rows
    ]
