"""What the desk knows about a cover: what it is for, its candidates, the policy's word, and every decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from generation.review.log.decisions import rewards_of
from generation.review.log.queue import candidates_of
from generation.review.log.schema import entries, undone
from generation.review.log.sealing import chain
from generation.review.web.record.sections import Facts, Rows, Section, Value

DECISION_COLUMNS = ("entry", "when (UTC)", "who", "what", "cover", "reason", "note", "bulk step", "taken back", "hash")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A cover as the page of the person who asks has it."""

    card: dict[str, Any]
    """As the template of the focus view wants it."""
    limit: float
    """The night's safety limit."""

    @property
    def row(self) -> Row[Any]:
        """Its row of ``cases``."""
        row: Row[Any] = self.card["row"]
        return row

    @property
    def hides_answers(self) -> bool:
        """Whether a second person's answer is awaited, so that nobody is shown the first."""
        return bool(self.row.doubled) and self.row.verdict is None and self.row.queue != "disputed"


def from_desk(connection: Connection, seen: Seen) -> list[Section]:
    """The sections that the desk's database answers for."""
    row = seen.row
    figures = candidates_of(connection, [row.id])[row.id]
    return [
        Facts(
            title="Standing",
            rows=[
                ("night", row.ds),
                ("decided by people", "awaited" if seen.hides_answers else row.verdict or "not decided"),
                ("in the feed", seen.card["feed"].words),
                ("decided by", "two people" if row.doubled else "one person"),
                ("impressions a day at stake", row.stake),
            ],
        ),
        *_scores(row, figures, seen.limit),
        _policy(seen),
        _decisions(connection, seen),
    ]


def _scores(row: Row[Any], pictures: Sequence[Row[Any]], limit: float) -> list[Section]:
    scored = [(picture, rewards_of(picture.rewards)) for picture in pictures]
    names = sorted({name for _, rewards in scored for name in rewards} - {"nsfw"})
    safety: list[list[Value]] = [
        [picture.number, picture.cover_id, rewards.get("nsfw"), limit, _safe(rewards.get("nsfw"), limit)]
        for picture, rewards in scored
    ]
    table: list[list[Value]] = [
        [picture.number, picture.seed, _role(row, picture), *(rewards.get(name) for name in names)]
        for picture, rewards in scored
    ]
    return [
        Rows(
            title="Safety scores (probability of not safe for work)",
            columns=("candidate", "cover", "score", "limit", "which is"),
            rows=safety,
        ),
        Rows(title="Candidates and their rewards", columns=("candidate", "seed", "role", *names), rows=table),
    ]


def _safe(score: float | None, limit: float) -> str:
    if score is None:
        return "not measured"
    return "over the limit" if score > limit else "within the limit"


def _role(row: Row[Any], picture: Row[Any]) -> str:
    roles = ["selected"] if picture.cover_id == row.selected_cover_id else []
    return " and ".join([*roles, *(["shown at the desk"] if picture.cover_id == row.cover_id else [])])


def _policy(seen: Seen) -> Section:
    spoken, row = seen.card["ruling"], seen.row
    if spoken is None:
        return Facts(title="Written policy", rows=[("answer", row.policy_decision or "said nothing")])
    marks = [(f"measured {number}", _limited(mark)) for number, mark in enumerate(spoken.marks, 1)]
    return Facts(title="Written policy", rows=[("answer", spoken.answer), ("rule", spoken.rule), *marks])


def _limited(mark: Any) -> str:
    return f"{mark.measured}; the rule holds for {mark.limit}" if mark.limit else str(mark.measured)


def _decisions(connection: Connection, seen: Seen) -> Section:
    title = "Decisions of people, from the desk's log"
    if seen.hides_answers:
        words = "Left out: two people decide this cover, and the second answer is awaited."
        return Rows(title=title, columns=DECISION_COLUMNS, rows=(), empty=words)
    query = (
        select(entries.c.body, entries.c.hash, undone.c.by_seq)
        .select_from(entries.outerjoin(undone, undone.c.seq == entries.c.seq))
        .where(entries.c.ds == seen.row.ds, entries.c.unit_id == seen.row.unit_id, entries.c.kind != "ab")
        .order_by(entries.c.seq)
    )
    rows: list[list[Value]] = []
    for body, digest, by_seq in connection.execute(query):
        entry = chain.parsed(body, digest)
        back = "" if by_seq is None else f"by entry {by_seq}"
        rows.append([entry.seq, entry.at, _who(entry), entry.kind, entry.cover_id, entry.reason, entry.note,
                     entry.bulk_id, back, entry.hash])  # fmt: skip
    return Rows(title=title, columns=DECISION_COLUMNS, rows=rows, empty="Nobody decided about it.")


def _who(entry: chain.Entry) -> str:
    """The person, with others whom the entry names beside them (who read a file in, who set a password)."""
    beside = ", ".join(f"{name} {value}" for name, value in sorted(entry.more.items()))
    return f"{entry.by} ({beside})" if beside else entry.by
