"""Double review: the answers that two people gave to the same covers without seeing each other's."""

from sqlalchemy import Connection, select

from generation.review.log.answers.case_state import VOTES
from generation.review.log.schema import cases, entries, undone
from generation.review.log.sealing import chain


def ratings(connection: Connection, ds: str) -> dict[str, dict[str, str]]:
    """First standing answer of each person by unit, of covers that two people decide.

    Returns
    -------
    dict
        unit -> person -> ``approve`` or ``reject``; a pick approves, and another cover than the chosen one, so it
        counts as an answer of its own, ``pick``. A lead's ruling is no rating.
    """
    doubled = select(cases.c.unit_id).where(cases.c.ds == ds, cases.c.doubled == 1, cases.c.last_entry > 0)
    query = (
        select(entries.c.body)
        .where(entries.c.ds == ds, entries.c.kind.in_(VOTES), entries.c.unit_id.in_(doubled))
        .where(entries.c.bulk_id.is_(None), ~select(undone.c.seq).where(undone.c.seq == entries.c.seq).exists())
        .order_by(entries.c.seq)
    )
    found: dict[str, dict[str, str]] = {}
    for body in connection.execute(query).scalars():
        entry = chain.parsed(body)
        if not entry.adjudicates and entry.unit_id is not None:
            found.setdefault(entry.unit_id, {}).setdefault(entry.by, entry.kind)
    return found
