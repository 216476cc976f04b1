"""The tables of the lake: schema, partitioning, keys and constraints.

Schemas are Arrow schemas, the one definition that the Spark writer and the Arrow reader
share. A field that is not nullable becomes NOT NULL in Delta; ``checks`` become CHECK
constraints. All timestamps are UTC with microseconds; ``ds`` is an ISO date as text, so
that partition folders read the same everywhere.
"""

from dataclasses import dataclass, field

import pyarrow as pa

EMBED_DIM = 128
"""Dimensions of an aligned picture or text embedding."""
STYLE_DIM = 32
"""Dimensions of a style embedding."""
TIMESTAMP = pa.timestamp("us", tz="UTC")
VECTOR = pa.list_(pa.float32())


def column(name: str, kind: pa.DataType, *, null: bool = False) -> pa.Field:
    """A required column unless ``null``."""
    return pa.field(name, kind, nullable=null)


@dataclass(frozen=True)
class TableSpec:
    """One table of the lake."""

    name: str
    grain: str
    """What one row is."""
    schema: pa.Schema
    partition_by: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """Columns that identify a row; merges use them."""
    checks: dict[str, str] = field(default_factory=dict)
    """Constraint name -> SQL condition. A condition that changes needs a new name: tables with the old one follow."""


UNPERSONALISED = "all"
"""Segment of covers painted once for everybody, with a zero preference."""
SHOWN_PURPOSES = ("publish", "unpersonalised")
"""Purposes of units whose covers the feed may show: for a segment, and for whoever has no profile."""
WITHOUT_PROFILE = "new"
"""Segment of users without clicks, and of users never seen: they are shown unpersonalised covers."""

DS = column("ds", pa.string())
DS_CHECK = {"ds_is_date": "ds RLIKE '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'"}

IMPRESSIONS = TableSpec(
    "impressions",
    "one cover shown to one user",
    pa.schema(
        [
            DS,
            column("impression_id", pa.string()),
            column("request_id", pa.string()),
            column("ts", TIMESTAMP),
            column("user_id", pa.string()),
            column("item_id", pa.string()),
            column("cover_id", pa.string()),
            column("position", pa.int32()),
            column("clicked", pa.bool_()),
            column("title", pa.string(), null=True),
            column("dwell_ms", pa.int64(), null=True),
            column("propensity", pa.float64(), null=True),
            column("policy", pa.string(), null=True),
        ]
    ),
    ("ds",),
    ("impression_id",),
    {
        **DS_CHECK,
        "position_positive": "position >= 1",
        # Delta refuses a row whose condition is null.
        "propensity_range": "propensity IS NULL OR (propensity > 0 AND propensity <= 1)",
    },
)

ITEMS = TableSpec(
    "items",
    "an item",
    pa.schema(
        [
            column("item_id", pa.string()),
            column("title", pa.string()),
            column("category", pa.string()),
            column("tags", pa.list_(pa.string())),
            column("created_at", TIMESTAMP),
        ]
    ),
    (),
    ("item_id",),
)

COVERS = TableSpec(
    "covers",
    "an image of an item",
    pa.schema(
        [
            column("cover_id", pa.string()),
            column("item_id", pa.string()),
            column("source", pa.string()),
            column("is_default", pa.bool_()),
            column("uri", pa.string()),
            column("mime", pa.string()),
            column("width", pa.int32()),
            column("height", pa.int32()),
            column("bytes", pa.int64()),
            column("unit_id", pa.string(), null=True),
            column("created_at", TIMESTAMP),
        ]
    ),
    (),
    ("cover_id", "item_id"),
    {
        "source_known": "source IN ('original', 'generated')",
        "generated_has_unit": "source = 'original' OR unit_id IS NOT NULL",
        "sha256": "cover_id RLIKE '^[0-9a-f]{64}$'",
    },
)
"""``is_default`` marks the cover the feed shows where nothing else was decided; ``uri`` is relative to the store."""

COVER_FEATURES = TableSpec(
    "cover_features",
    "a cover x encoder",
    pa.schema(
        [
            column("cover_id", pa.string()),
            column("encoder_id", pa.string()),
            column("embedding", VECTOR),
            column("style", VECTOR),
        ]
    ),
    ("encoder_id",),
    ("cover_id", "encoder_id"),
)

TITLE_FEATURES = TableSpec(
    "title_features",
    "a text x encoder",
    pa.schema(
        [
            column("text_hash", pa.string()),
            column("encoder_id", pa.string()),
            column("text", pa.string()),
            column("embedding", VECTOR),
        ]
    ),
    ("encoder_id",),
    ("text_hash", "encoder_id"),
    {"sha256": "text_hash RLIKE '^[0-9a-f]{64}$'"},
)
"""Words shown as titles, embedded in the space of the pictures; ``text_hash`` is the SHA-256 of the UTF-8 text."""

USER_FEATURES = TableSpec(
    "user_features",
    "a user x ds",
    pa.schema(
        [
            DS,
            column("user_id", pa.string()),
            *(
                column(f"{what}_{days}d", kind)
                for days in (1, 7, 28)
                for what, kind in (("impressions", pa.int64()), ("clicks", pa.int64()), ("ctr", pa.float64()))
            ),
            column("recency_hours", pa.float64(), null=True),
            column("category_affinity", pa.map_(pa.string(), pa.float64())),
            column("pref_embedding", VECTOR),
            column("pref_style", VECTOR),
        ]
    ),
    ("ds",),
    ("ds", "user_id"),
    DS_CHECK,
)
"""``recency_hours``: end of ds minus the last click; null without one. The preference is clicks minus skips."""

USER_HISTORY = TableSpec(
    "user_history",
    "a user x ds",
    pa.schema(
        [
            DS,
            column("user_id", pa.string()),
            column(
                "events",
                pa.list_(
                    pa.struct(
                        [
                            pa.field("ts", TIMESTAMP),
                            pa.field("item_id", pa.string()),
                            pa.field("cover_id", pa.string()),
                            pa.field("position", pa.int32()),
                            pa.field("clicked", pa.bool_()),
                        ]
                    )
                ),
            ),
        ]
    ),
    ("ds",),
    ("ds", "user_id"),
    DS_CHECK,
)
"""The last K events before the end of ds, newest first."""

ITEM_FEATURES = TableSpec(
    "item_features",
    "an item x ds",
    pa.schema(
        [
            DS,
            column("item_id", pa.string()),
            *(
                column(f"{what}_{days}d", kind)
                for days in (1, 7, 28)
                for what, kind in (("impressions", pa.int64()), ("clicks", pa.int64()), ("ctr", pa.float64()))
            ),
            column("ctr_debiased", pa.float64()),
            column("age_days", pa.float64()),
        ]
    ),
    ("ds",),
    ("ds", "item_id"),
    DS_CHECK,
)
"""One row per item that exists by the end of ds, shown or not: a new item has zero counts and the prior CTR."""

POSITION_BIAS = TableSpec(
    "position_bias",
    "a position x ds",
    pa.schema(
        [
            DS,
            column("position", pa.int32()),
            column("examination", pa.float64()),
            column("impressions", pa.int64()),
        ]
    ),
    ("ds",),
    ("ds", "position"),
    DS_CHECK,
)
"""Examination probability relative to position 1, from exploring traffic."""

SEGMENTS = TableSpec(
    "segments",
    "a segment x ds",
    pa.schema(
        [
            DS,
            column("segment_id", pa.string()),
            column("size", pa.int64()),
            column("pref_embedding", VECTOR),
            column("pref_style", VECTOR),
            column("exemplar_users", pa.list_(pa.string())),
            column("exemplar_covers", pa.list_(pa.string())),
            column("top_categories", pa.list_(pa.string())),
        ]
    ),
    ("ds",),
    ("ds", "segment_id"),
    DS_CHECK,
)
"""The centroid is ``pref_embedding`` and ``pref_style``; exemplar covers are clicked ones nearest to it."""

USER_SEGMENTS = TableSpec(
    "user_segments",
    "a user x ds",
    pa.schema(
        [DS, column("user_id", pa.string()), column("segment_id", pa.string()), column("distance", pa.float64())]
    ),
    ("ds",),
    ("ds", "user_id"),
    DS_CHECK,
)

GENERATION_PLAN = TableSpec(
    "generation_plan",
    "a unit x ds",
    pa.schema(
        [
            DS,
            column("unit_id", pa.string()),
            column("purpose", pa.string()),
            column("as_of", pa.string()),
            column("item_id", pa.string()),
            column("segment_id", pa.string()),
            column("method", pa.string()),
            column("reference_cover_id", pa.string()),
            column("candidates", pa.int32()),
            column("seed", pa.int64()),
            column("prompt", pa.string()),
            column("pref_embedding", VECTOR),
            column("pref_style", VECTOR),
            column("expected_gain", pa.float64()),
            column("estimated_seconds", pa.float64()),
            column("rank", pa.int32()),
            column("history_id", pa.string(), null=True),
            column("tokens", pa.list_(pa.int32()), null=True),
        ]
    ),
    ("ds",),
    ("ds", "unit_id"),
    {**DS_CHECK, "purpose_is_one_of_four": "purpose IN ('publish', 'evaluate', 'unpersonalised', 'beside')"},
)
"""``as_of`` names the features partition the profile comes from; ``expected_gain`` is in clicks a day. ``history_id``
is the SHA-256 of the events that a unit is painted from, ``tokens`` the codes; both null where a method needs none."""

GENERATED_COVERS = TableSpec(
    "generated_covers",
    "a candidate x unit x ds",
    pa.schema(
        [
            DS,
            column("cover_id", pa.string()),
            column("unit_id", pa.string()),
            column("purpose", pa.string()),
            column("as_of", pa.string()),
            column("item_id", pa.string()),
            column("segment_id", pa.string()),
            column("method", pa.string()),
            column("candidate", pa.int32()),
            column("seed", pa.int64()),
            column("rewards", pa.map_(pa.string(), pa.float64())),
            column("score", pa.float64()),
            column("selected", pa.bool_()),
            column("generator", pa.string()),
        ]
    ),
    ("ds",),
    ("ds", "unit_id", "candidate"),
    DS_CHECK,
)
"""``rewards`` holds each reward by name (personal, relevance, aesthetic, nsfw); ``generator`` is its fingerprint."""

OVER_LIMIT = "over the safety limit: "
"""Begins the reason of a person's approval of a cover over ``policy.max_nsfw``; without it such a cover stays back."""

COVER_DECISIONS = TableSpec(
    "cover_decisions",
    "a decision",
    pa.schema(
        [
            DS,
            column("decision_id", pa.string()),
            column("cover_id", pa.string()),
            column("unit_id", pa.string()),
            column("decision", pa.string()),
            column("reason", pa.string()),
            column("by", pa.string()),
            column("decided_at", TIMESTAMP),
        ]
    ),
    ("ds",),
    ("decision_id",),
    {**DS_CHECK, "decision_kind": "decision IN ('approve', 'reject', 'ask', 'withdraw', 'takedown')"},
)
"""``ask`` is a policy that leaves the cover to a person: it is undecided until one decides. ``withdraw`` is a person
who takes a decision back: the policy's word counts again. ``by`` starts with ``policy:`` where a policy decided."""

PUBLISHED_COVERS = TableSpec(
    "published_covers",
    "item x segment x ds",
    pa.schema(
        [
            DS,
            column("item_id", pa.string()),
            column("segment_id", pa.string()),
            column("cover_id", pa.string()),
            column("unit_id", pa.string()),
            column("decision_id", pa.string()),
        ]
    ),
    ("ds",),
    ("ds", "item_id", "segment_id"),
    DS_CHECK,
)

RANKING_LIFT = TableSpec(
    "ranking_lift",
    "metric x ranker x arm x slice x ds",
    pa.schema(
        [
            DS,
            column("metric", pa.string()),
            column("ranker", pa.string()),
            column("arm", pa.string()),
            column("slice", pa.string()),
            column("value", pa.float64()),
            column("lift", pa.float64(), null=True),
            column("low", pa.float64(), null=True),
            column("high", pa.float64(), null=True),
            column("p", pa.float64(), null=True),
            column("users", pa.int64()),
        ]
    ),
    ("ds",),
    ("ds", "metric", "ranker", "arm", "slice"),
    DS_CHECK,
)
"""Also holds the A/B of published covers (ranker ``none``) and the simulated truth (slice names say so).

``lift`` is relative to the arm ``original`` and ``low`` and ``high`` are its interval; where it is null
they bound ``value``.
"""

JUDGEMENTS = TableSpec(
    "judgements",
    "a picture x judge",
    pa.schema(
        [
            column("picture_id", pa.string()),
            column("judge", pa.string()),
            column("style_logits", VECTOR),
            column("embedding", VECTOR),
        ]
    ),
    ("judge",),
    ("picture_id", "judge"),
)

QUARANTINE = TableSpec(
    "quarantine",
    "a refused input row",
    pa.schema(
        [
            DS,
            column("source", pa.string()),
            column("row", pa.string()),
            column("reasons", pa.list_(pa.string())),
        ]
    ),
    ("ds", "source"),
    (),
    DS_CHECK,
)
"""``row`` is the refused row as JSON; ``reasons`` are all of them, by their names in the input contract."""

RUNS = TableSpec(
    "runs",
    "a stage of a night",
    pa.schema(
        [
            DS,
            column("stage", pa.string()),
            column("status", pa.string()),
            column("fingerprint", pa.string()),
            column("config_hash", pa.string()),
            column("config", pa.string()),
            column("code_version", pa.string()),
            column("tables_read", pa.map_(pa.string(), pa.int64())),
            column("tables_written", pa.map_(pa.string(), pa.int64())),
            column("rows", pa.map_(pa.string(), pa.int64())),
            column("metrics", pa.map_(pa.string(), pa.float64())),
            column("seconds", pa.float64()),
            column("note", pa.string(), null=True),
        ]
    ),
    ("ds",),
    ("ds", "stage"),
    {**DS_CHECK, "status_known": "status IN ('done', 'failed')"},
)

TABLES: dict[str, TableSpec] = {
    spec.name: spec
    for spec in (
        IMPRESSIONS,
        ITEMS,
        COVERS,
        COVER_FEATURES,
        TITLE_FEATURES,
        USER_FEATURES,
        USER_HISTORY,
        ITEM_FEATURES,
        POSITION_BIAS,
        SEGMENTS,
        USER_SEGMENTS,
        GENERATION_PLAN,
        GENERATED_COVERS,
        COVER_DECISIONS,
        PUBLISHED_COVERS,
        RANKING_LIFT,
        JUDGEMENTS,
        QUARANTINE,
        RUNS,
    )
}

WRITTEN_BY: dict[str, str] = {
    "impressions": "ingest",
    "items": "ingest",
    "covers": "ingest",
    "quarantine": "ingest",
    "cover_features": "encode",
    "title_features": "encode",
    "user_features": "features",
    "user_history": "features",
    "item_features": "features",
    "position_bias": "features",
    "segments": "features",
    "user_segments": "features",
    "generation_plan": "plan",
    "generated_covers": "generate",
    "cover_decisions": "review-policy",
    "published_covers": "publish",
    "ranking_lift": "evaluate",
    "judgements": "play",
    "runs": "nightly",
}
"""The command (``coverlift <name>``) that fills a table first."""
