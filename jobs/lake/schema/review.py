"""What was decided about covers and titles, and how far the desk's logs went."""

from jobs.lake.schema.columns import COUNT, COVER_ID, DS, DS_CHECK, TEXT, TIMESTAMP, UNIT_ID
from jobs.lake.schema.spec import Column, TableSpec

OVER_LIMIT = "over the safety limit: "
"""Begins the reason of a person's approval of a cover over ``policy.max_nsfw``; without it such a cover stays back."""

COVER_DECISIONS = TableSpec(
    name="cover_decisions",
    grain="a decision",
    about="Rows are only added; a person's decision stands above the policy's. Of a written title, `cover_id` is the "
    "SHA-256 of its text.",
    columns=(
        DS,
        Column(
            name="decision_id", type=TEXT, about="SHA-256 of what makes it one decision: repeated, it is the same row"
        ),
        COVER_ID,
        UNIT_ID,
        Column(
            name="decision",
            type=TEXT,
            about="`approve`; `reject`; `ask`: a policy leaves it to a person, undecided until one decides; `withdraw`:"
            " a person takes a decision back, the policy's word counts again; `takedown`: for good",
        ),
        Column(name="reason", type=TEXT, about="name of the rule, or a person's words"),
        Column(name="by", type=TEXT, about="`policy:NAME` or `person:NAME`"),
        Column(name="decided_at", type=TIMESTAMP, about="UTC"),
    ),
    partition_by=("ds",),
    keys=("decision_id",),
    checks={**DS_CHECK, "decision_kind": "decision IN ('approve', 'reject', 'ask', 'withdraw', 'takedown')"},
)

REVIEW_HEADS = TableSpec(
    name="review_heads",
    grain="a chain of the desk x its end at a sync",
    about="How far the desk's logs went when they were read: what the desk holds later must hold this.",
    columns=(
        DS,
        Column(name="chain", type=TEXT, about="`decisions` or `audit`"),
        Column(name="seq", type=COUNT, about="number of its last entry"),
        Column(name="hash", type=TEXT, about="keyed hash of that entry, which covers all before it"),
        Column(name="at", type=TEXT, about="when it was written, UTC"),
    ),
    partition_by=("ds",),
    keys=("ds", "chain", "seq"),
    checks=DS_CHECK,
)

ROLLBACKS = TableSpec(
    name="rollbacks",
    grain="a word about a night",
    about="Rows are only added; of a night the latest counts.",
    columns=(
        DS,
        Column(name="to_ds", type=TEXT, about="the night whose covers are shown", null="that was lifted"),
        Column(name="reason", type=TEXT, about="why, for the record"),
        Column(name="by", type=TEXT, about="who decided"),
        Column(name="decided_at", type=TIMESTAMP, about="UTC"),
    ),
    keys=("ds", "decided_at"),
    checks=DS_CHECK,
)
