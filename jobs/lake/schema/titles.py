"""Titles from the writer to the feed: groups of readers, what was written for them, what may be shown."""

import pyarrow as pa

from jobs.lake.schema.columns import COUNT, DS, DS_CHECK, ITEM_ID, NUMBER, TEXT, TEXTS, UNIT_ID, USER_ID
from jobs.lake.schema.spec import Column, TableSpec

GROUP_ID = Column(
    name="group_id",
    type=TEXT,
    about="words group: a language and a words code, e.g. `de:2`; `none` for users without a click",
)
TEXT_HASH = Column(name="text_hash", type=TEXT, about="SHA-256 of the UTF-8 title, lower-case hex: its id")

WORD_GROUPS = TableSpec(
    name="word_groups",
    grain="a words group x ds",
    about="Readers of one language who like titles alike. Only where `policy.titles` is not `off`.",
    columns=(
        DS,
        GROUP_ID,
        Column(name="language", type=TEXT, about="that its users' titles are in"),
        Column(name="code", type=pa.int32(), about="words code from 0; -1: no click is known of its users"),
        Column(name="size", type=COUNT, about="users, never under `features.segment_min_size`, but for code -1"),
        Column(name="likes_words", type=NUMBER, about="mean taste for the item's words in a title, logits"),
        Column(name="likes_phrase", type=NUMBER, about="mean taste for a phrase beside the label, logits"),
        Column(name="writer", type=TEXT, about="fingerprint of the writer, whose codes these are"),
    ),
    partition_by=("ds",),
    keys=("ds", "group_id"),
    checks=DS_CHECK,
)

USER_WORD_GROUPS = TableSpec(
    name="user_word_groups",
    grain="a user x ds",
    columns=(DS, USER_ID, GROUP_ID),
    partition_by=("ds",),
    keys=("ds", "user_id"),
    checks=DS_CHECK,
)

GENERATED_TITLES = TableSpec(
    name="generated_titles",
    grain="a candidate x item x words group x ds",
    about="Everything that was written, kept or not.",
    columns=(
        DS,
        ITEM_ID,
        GROUP_ID,
        Column(name="candidate", type=pa.int32(), about="0 is the likeliest title, the rest were drawn"),
        TEXT_HASH,
        Column(name="title", type=TEXT, about="as it was written"),
        UNIT_ID,
        Column(name="personal", type=NUMBER, about="what it adds for the group over the label alone, logits"),
        Column(name="failed", type=TEXTS, about="checks that it fails, by name; none: it may be published"),
        Column(name="selected", type=pa.bool_(), about="the best by reward of those that pass"),
        Column(name="writer", type=TEXT, about="fingerprint of the writer"),
    ),
    partition_by=("ds",),
    keys=("ds", "item_id", "group_id", "candidate"),
    checks={
        **DS_CHECK,
        "sha256": "text_hash RLIKE '^[0-9a-f]{64}$'",
        "kept_passes": "NOT selected OR size(failed) = 0",
    },
)

PUBLISHED_TITLES = TableSpec(
    name="published_titles",
    grain="item x words group x ds",
    about="What a group may read after the night; where there is no row, the item's own title.",
    columns=(
        DS,
        ITEM_ID,
        GROUP_ID,
        TEXT_HASH,
        Column(name="title", type=TEXT, about="the words"),
        Column(name="decision_id", type=TEXT, about="the decision that allows it"),
    ),
    partition_by=("ds",),
    keys=("ds", "item_id", "group_id"),
    checks=DS_CHECK,
)
