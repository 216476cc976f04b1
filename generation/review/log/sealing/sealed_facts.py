"""What decisions rest on beside the log, as digests in the audit's chain: a night's covers, accounts, the key's start.

A cover that two people decide must not become one that a single person decides, and a viewer no lead, by a change of
a row.
"""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from conf.errors import GateError
from generation.review.log.schema import REWARDS, accounts, audit, candidates, cases, log_key
from generation.review.log.sealing import audit_chain, chain
from generation.review.log.sealing.seal import Seal

DESK = "desk"
"""Who the audit names for what the desk itself does."""
NIGHT = "night loaded"
ACCOUNT = "account"
GIVEN = (
    *("id", "unit_id", "item_id", "segment_id", "method", "reference_cover_id", "selected_cover_id"),
    *("policy_decision", "policy_reason", "sampled", "doubled", *REWARDS),
)
"""Columns of a case that are given, not decided."""


def night_digest(connection: Connection, ds: str) -> tuple[int, str]:
    """Number of a night's units, and the SHA-256 of what is given about them and their candidates."""
    found, number = hashlib.sha256(), 0
    units = select(*(cases.c[name] for name in GIVEN)).where(cases.c.ds == ds).order_by(cases.c.id)
    for row in connection.execute(units.execution_options(yield_per=2000)):
        found.update(json.dumps(list(row), ensure_ascii=False).encode() + b"\n")
        number += 1
    pictures = (
        select(candidates.c.case_id, candidates.c.number, candidates.c.cover_id, candidates.c.rewards)
        .join(cases, cases.c.id == candidates.c.case_id)
        .where(cases.c.ds == ds)
        .order_by(candidates.c.case_id, candidates.c.number)
    )
    for row in connection.execute(pictures.execution_options(yield_per=2000)):
        found.update(json.dumps(list(row), ensure_ascii=False).encode() + b"\n")
    return number, found.hexdigest()


def note_night(connection: Connection, ds: str, now: datetime) -> None:
    """Write down what a night's covers are, after they were loaded or changed; what is written down is not repeated."""
    number, digest = night_digest(connection, ds)
    line = {"ds": ds, "units": number, "sha256": digest}
    if noted(connection, NIGHT, "ds").get(ds) != line:
        audit_chain.write(connection, who=DESK, action=NIGHT, about=json.dumps(line), now=now)


def night_fault(connection: Connection, ds: str) -> str | None:
    """What is wrong with a night's covers beside what was written down about them; None where nothing is."""
    known = noted(connection, NIGHT, "ds").get(ds)
    if known is None or (known["units"], known["sha256"]) == night_digest(connection, ds):
        return None
    return (
        f"the covers of {ds} are not those that were loaded: one was added, removed or changed (who must decide it, "
        "what the policy said, its candidates or its rewards)"
    )


def check_night(connection: Connection, ds: str) -> None:
    """Refuse to load into a night whose covers were changed around the desk.

    Raises
    ------
    GateError
        Which says so.
    """
    fault = night_fault(connection, ds)
    if fault is not None:
        raise GateError(f"{fault[0].upper()}{fault[1:]}. Restore the review database from a backup.")


def account_digest(row: Row[Any]) -> str:
    """SHA-256 of what an account says, its password's hash included."""
    names = ("name", "role", "password", "disabled", "set_by", "handover_until", "must_change")
    said = [getattr(row, name) for name in names] + ([row.subject] if row.subject else [])
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def note_account(connection: Connection, name: str, by: str, now: datetime) -> None:
    """Write down what an account is, after it was made or changed."""
    row = connection.execute(select(accounts).where(accounts.c.name == name)).one()
    state = "disabled" if row.disabled else row.role
    about = json.dumps({"name": name, "is": state, "sha256": account_digest(row)}, ensure_ascii=False)
    audit_chain.write(connection, who=by, action=ACCOUNT, about=about, now=now)


def noted(connection: Connection, action: str, field: str) -> dict[str, dict[str, Any]]:
    """The latest line of the desk's own about each night or account, by its name."""
    query = select(audit.c.object).where(audit.c.action == action, audit.c.hash.is_not(None)).order_by(audit.c.id)
    lines = [json.loads(text) for text in connection.execute(query).scalars()]
    return {line[field]: line for line in lines}


def start(connection: Connection, seal: Seal, now: datetime) -> None:
    """Give a desk without a key its key, and write down what its logs, nights and accounts were then.

    Raises
    ------
    GateError
        When the key has been used for a log that the database does not hold.
    UsageError
        When the log has a key already, whose file is not there.
    """
    if connection.execute(select(log_key.c.id)).first() is not None:
        seal.load()
        return
    if seal.seen():
        raise GateError(
            f"The key {seal.path} belongs to a log that this database does not hold: the log was exchanged. Restore "
            "the review database from a backup; for another desk name another file with review.key_file."
        )
    seal.make()
    number, digest, _ = chain.head(connection)
    lines = audit_chain.head(connection)[0]
    before = audit_chain.digest_before(connection, lines)
    body = json.dumps({"at": chain.stamp(now), "decisions": [number, digest], "audit": [lines, before]})
    connection.execute(insert(log_key), [{"id": 1, "body": body, "hash": seal.mac("start", body)}])
    for ds in connection.execute(select(cases.c.ds).distinct().order_by(cases.c.ds)).scalars().all():
        note_night(connection, ds, now)
    for name in connection.execute(select(accounts.c.name).order_by(accounts.c.name)).scalars().all():
        note_account(connection, name, DESK, now)
    chain.wrote(connection, "decisions", number, digest)


def start_faults(connection: Connection) -> list[str]:
    """Whether the row that says from where on hashes are keyed is as it was written."""
    row = connection.execute(select(log_key)).first()
    if row is None:
        return ["the row that says from where on hashes are keyed is missing"]
    if row.hash != chain.seal_of(connection).mac("start", row.body):
        return ["the row that says from where on hashes are keyed was changed, or the key is another desk's"]
    return []
