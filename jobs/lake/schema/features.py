"""What is known of covers, users, items, positions and segments: embeddings, counts, histories, tastes."""

import pyarrow as pa

from jobs.lake.schema.columns import (
    COUNT,
    COVER_ID,
    DS,
    DS_CHECK,
    EMBED_DIM,
    ENCODER_ID,
    ITEM_ID,
    NUMBER,
    SEGMENT_ID,
    STYLE_DIM,
    TEXT,
    TEXTS,
    TIMESTAMP,
    USER_ID,
    VECTOR,
    WINDOWS,
    WITHOUT_PROFILE,
)
from jobs.lake.schema.spec import Column, TableSpec

EVENT = pa.struct(
    [
        pa.field("ts", TIMESTAMP),
        pa.field("item_id", TEXT),
        pa.field("cover_id", TEXT),
        pa.field("position", pa.int32()),
        pa.field("clicked", pa.bool_()),
    ]
)
"""One event of a user's history."""
PREF_EMBEDDING = Column(
    name="pref_embedding",
    type=VECTOR,
    about=f"preference in what covers show, ({EMBED_DIM},): mean of clicked minus mean of skipped, zero without",
)
PREF_STYLE = Column(
    name="pref_style", type=VECTOR, about=f"preference in how covers are drawn, ({STYLE_DIM},), made alike"
)
MODALITY = Column(name="modality", type=TEXT, about="`visual`: covers; `words`: the words shown")


def windowed(prior: str) -> tuple[Column, ...]:
    """Counts and smoothed rate over windows of 1, 7 and 28 days that end with ds; ``prior`` says over whom."""
    return tuple(
        column
        for days in WINDOWS
        for column in (
            Column(name=f"impressions_{days}d", type=COUNT, about=f"impressions in the last {days} days, ds included"),
            Column(name=f"clicks_{days}d", type=COUNT, about=f"clicks among them, 0 to impressions_{days}d"),
            Column(name=f"ctr_{days}d", type=NUMBER, about=f"click rate, 0 to 1, under a beta prior over {prior}"),
        )
    )


COVER_FEATURES = TableSpec(
    name="cover_features",
    grain="a cover x encoder",
    columns=(
        COVER_ID,
        ENCODER_ID,
        Column(name="embedding", type=VECTOR, about=f"what it shows, ({EMBED_DIM},), L2-normalised"),
        Column(name="style", type=VECTOR, about=f"how it is drawn, ({STYLE_DIM},), L2-normalised"),
    ),
    partition_by=("encoder_id",),
    keys=("cover_id", "encoder_id"),
)

TITLE_FEATURES = TableSpec(
    name="title_features",
    grain="a text x encoder",
    about="Words shown as titles, embedded in the space of the pictures.",
    columns=(
        Column(name="text_hash", type=TEXT, about="SHA-256 of the UTF-8 text, lower-case hex"),
        ENCODER_ID,
        Column(name="text", type=TEXT, about="the words"),
        Column(name="embedding", type=VECTOR, about=f"({EMBED_DIM},), L2-normalised"),
    ),
    partition_by=("encoder_id",),
    keys=("text_hash", "encoder_id"),
    checks={"sha256": "text_hash RLIKE '^[0-9a-f]{64}$'"},
)

USER_FEATURES = TableSpec(
    name="user_features",
    grain="a user x ds",
    about="Users with an impression in the last 28 days.",
    columns=(
        DS,
        USER_ID,
        *windowed("users"),
        Column(
            name="recency_hours",
            type=NUMBER,
            about="from the last click to the end of ds, hours",
            null="no click in 28 days",
        ),
        Column(
            name="category_affinity",
            type=pa.map_(TEXT, NUMBER),
            about="by category seen in 28 days: click rate relative to the user's own, smoothed; 1 is neutral",
        ),
        PREF_EMBEDDING,
        PREF_STYLE,
    ),
    partition_by=("ds",),
    keys=("ds", "user_id"),
    checks=DS_CHECK,
)

USER_HISTORY = TableSpec(
    name="user_history",
    grain="a user x ds",
    columns=(
        DS,
        USER_ID,
        Column(
            name="events",
            type=pa.list_(EVENT),
            about="the last `features.history_length` impressions of 28 days, newest first",
        ),
    ),
    partition_by=("ds",),
    keys=("ds", "user_id"),
    checks=DS_CHECK,
)

ITEM_FEATURES = TableSpec(
    name="item_features",
    grain="an item x ds",
    about="Every item that exists by the end of ds, shown or not: a new one has zero counts and the prior's rates.",
    columns=(
        DS,
        ITEM_ID,
        *windowed("items"),
        Column(
            name="ctr_debiased",
            type=NUMBER,
            about="clicks over expected examinations in 28 days, smoothed: click rate at position 1",
        ),
        Column(name="age_days", type=NUMBER, about="from created_at to the end of ds, days"),
    ),
    partition_by=("ds",),
    keys=("ds", "item_id"),
    checks=DS_CHECK,
)

POSITION_BIAS = TableSpec(
    name="position_bias",
    grain="a position x ds",
    columns=(
        DS,
        Column(name="position", type=pa.int32(), about="place on the page, from 1"),
        Column(name="examination", type=NUMBER, about="probability that it is looked at, relative to position 1"),
        Column(name="impressions", type=COUNT, about="impressions that the estimate rests on"),
    ),
    partition_by=("ds",),
    keys=("ds", "position"),
    checks=DS_CHECK,
)

SEGMENTS = TableSpec(
    name="segments",
    grain="a segment x ds",
    about="The centroid is `pref_embedding` and `pref_style`.",
    columns=(
        DS,
        SEGMENT_ID,
        Column(
            name="size",
            type=COUNT,
            about=f"users, never under the privacy floor `features.segment_min_size`, but for `{WITHOUT_PROFILE}`",
        ),
        Column(name="pref_embedding", type=VECTOR, about=f"mean of its users' preferences, ({EMBED_DIM},)"),
        Column(name="pref_style", type=VECTOR, about=f"the same of their styles, ({STYLE_DIM},)"),
        Column(name="exemplar_users", type=TEXTS, about="users nearest to the centroid, nearest first"),
        Column(
            name="exemplar_covers", type=TEXTS, about="covers that its users clicked, nearest to the centroid first"
        ),
        Column(name="top_categories", type=TEXTS, about="categories it clicks more than others do, at most three"),
    ),
    partition_by=("ds",),
    keys=("ds", "segment_id"),
    checks=DS_CHECK,
)

SEGMENT_HISTORY = TableSpec(
    name="segment_history",
    grain="a prototype x segment x ds",
    about="Only where `features.segment_history` is set. Centres of what a segment's users clicked, then of what they "
    "skipped.",
    columns=(
        DS,
        SEGMENT_ID,
        Column(name="place", type=pa.int32(), about="from 0: clicked before skipped, the heaviest first"),
        Column(name="vector", type=VECTOR, about=f"mean of the covers' vectors, ({EMBED_DIM + STYLE_DIM},)"),
        Column(name="clicked", type=pa.bool_(), about="whether its events were clicked"),
        Column(name="age_hours", type=NUMBER, about="mean age of its events at the end of ds"),
        Column(name="examination", type=NUMBER, about="mean examination of their positions"),
        Column(name="weight", type=NUMBER, about="share of the segment's events of this kind, by examination"),
        Column(name="users", type=COUNT, about="distinct users behind it, never fewer than five"),
    ),
    partition_by=("ds",),
    keys=("ds", "segment_id", "place"),
    checks={**DS_CHECK, "users_behind_it": "users >= 5"},
)

USER_SEGMENTS = TableSpec(
    name="user_segments",
    grain="a user x ds",
    columns=(
        DS,
        USER_ID,
        SEGMENT_ID,
        Column(name="distance", type=NUMBER, about="to the segment's centre in the clustering's scaled space, from 0"),
    ),
    partition_by=("ds",),
    keys=("ds", "user_id"),
    checks=DS_CHECK,
)

INTERACTION_EDGES = TableSpec(
    name="interaction_edges",
    grain="a user x node x modality x ds",
    about="Only where a method of the night needs tokens, or `features.interaction_edges` is set. Events of the 28 "
    "days that end with ds.",
    columns=(
        DS,
        MODALITY,
        USER_ID,
        Column(name="node", type=TEXT, about="a cover's id, or the SHA-256 of the words shown, lower-case hex"),
        Column(name="impressions", type=COUNT, about="how often it was shown to the user, from 1"),
        Column(name="clicks", type=COUNT, about="clicks among them"),
        Column(name="examination", type=NUMBER, about="examination of their positions, summed"),
        Column(
            name="expected_clicks",
            type=NUMBER,
            about="examination times the item's click rate at position 1, summed: what position and item explain",
        ),
        Column(name="last_ts", type=TIMESTAMP, about="when it was shown last, UTC"),
    ),
    partition_by=("ds",),
    keys=("ds", "modality", "user_id", "node"),
    checks={**DS_CHECK, "modality_is_known": "modality IN ('visual', 'words')"},
)

PREFERENCE_TOKENS = TableSpec(
    name="preference_tokens",
    grain="a segment or user x modality x ds",
    about="Only where a method of the night needs tokens. What a user likes as codes of a quantiser; those of a single "
    "user are cut to the longest prefix that enough users share (`features.segment_min_size`).",
    columns=(
        DS,
        MODALITY,
        Column(name="audience", type=TEXT, about="a segment, or `user:` and a user's id"),
        Column(
            name="codes", type=pa.list_(pa.int32()), about="a code a level, the coarsest first; empty: no taste known"
        ),
        Column(
            name="distance",
            type=NUMBER,
            about="of the preference, scaled to length 1, from what the codes stand for; 0 without codes",
        ),
        Column(name="clicks", type=COUNT, about="clicks behind it, in 28 days"),
        Column(name="quantiser", type=TEXT, about="fingerprint of graph and quantiser: codes of two are never mixed"),
    ),
    partition_by=("ds",),
    keys=("ds", "modality", "audience"),
    checks={**DS_CHECK, "tokens_modality_is_known": "modality IN ('visual', 'words')"},
)
