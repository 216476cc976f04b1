"""The bulk steps that were done, newest first, each of which can be taken back."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from generation.review.log.answers.case_state import VOTES
from generation.review.log.schema import entries, undone
from generation.review.log.sealing import chain

MOST = 200
"""Steps that are listed."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A bulk step."""

    bulk_id: str
    ds: str
    by: str
    at: str
    kind: str
    reason: str | None
    count: int
    """Covers that it decided."""
    standing: int
    """Those of them that were not taken back since."""


def steps(connection: Connection, bulk_id: str | None = None) -> list[Step]:
    """The steps of every night, or the one of that id; at most :data:`MOST`."""
    gone = func.count(undone.c.seq)
    query = (
        select(
            entries.c.bulk_id, func.min(entries.c.seq).label("first"), func.count().label("number"), gone.label("gone")
        )
        .select_from(entries.outerjoin(undone, undone.c.seq == entries.c.seq))
        .where(entries.c.bulk_id.is_not(None), entries.c.kind.in_(VOTES))
        .group_by(entries.c.bulk_id)
        .order_by(func.min(entries.c.seq).desc())
        .limit(MOST)
    )
    rows = connection.execute(query if bulk_id is None else query.where(entries.c.bulk_id == bulk_id)).all()
    bodies = select(entries.c.seq, entries.c.body).where(entries.c.seq.in_([row.first for row in rows]))
    first = {row.seq: chain.parsed(row.body) for row in connection.execute(bodies)}
    return [
        Step(
            bulk_id=row.bulk_id,
            ds=first[row.first].ds,
            by=first[row.first].by,
            at=first[row.first].at,
            kind=first[row.first].kind,
            reason=first[row.first].reason,
            count=row.number,
            standing=row.number - row.gone,
        )
        for row in rows
    ]
