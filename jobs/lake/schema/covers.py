"""Covers from the plan to the feed: what to paint, what was painted, what may be shown."""

import pyarrow as pa

from jobs.lake.schema.columns import (
    AS_OF,
    COUNT,
    COVER_ID,
    DS,
    DS_CHECK,
    EMBED_DIM,
    ITEM_ID,
    METHOD,
    NUMBER,
    PURPOSE,
    SEGMENT_ID,
    STYLE_DIM,
    TEXT,
    UNIT_ID,
    VECTOR,
)
from jobs.lake.schema.spec import Column, TableSpec

GENERATION_PLAN = TableSpec(
    name="generation_plan",
    grain="a unit x ds",
    columns=(
        DS,
        UNIT_ID,
        PURPOSE,
        AS_OF,
        ITEM_ID,
        SEGMENT_ID,
        METHOD,
        Column(name="reference_cover_id", type=TEXT, about="the original that painting starts from"),
        Column(name="candidates", type=pa.int32(), about="pictures to paint, from 1"),
        Column(name="seed", type=COUNT, about="from `generation.seed`, item and segment; candidates count up from it"),
        Column(name="prompt", type=TEXT, about="words the painter is told"),
        Column(name="pref_embedding", type=VECTOR, about=f"what the painter is told of the taste, ({EMBED_DIM},)"),
        Column(name="pref_style", type=VECTOR, about=f"and of the style, ({STYLE_DIM},); rounded to 4 decimals"),
        Column(name="expected_gain", type=NUMBER, about="clicks a day over the original; 0 for controls"),
        Column(name="estimated_seconds", type=NUMBER, about="painting time of its candidates, seconds"),
        Column(name="rank", type=pa.int32(), about="order of painting, from 1"),
        Column(
            name="history_id",
            type=TEXT,
            about="SHA-256 of the events that it is painted from",
            null="the method needs no history",
        ),
        Column(
            name="tokens", type=pa.list_(pa.int32()), about="codes of a preference", null="the method needs no tokens"
        ),
        Column(
            name="clicked_covers",
            type=pa.list_(TEXT),
            about="covers whose pictures it is painted from, at most 8",
            null="the method looks at no pictures of clicked covers",
        ),
        Column(name="width", type=pa.int32(), about="of what is painted, pixels", null="planned before sizes were"),
        Column(name="height", type=pa.int32(), about="the same", null="planned before sizes were"),
    ),
    partition_by=("ds",),
    keys=("ds", "unit_id"),
    checks={**DS_CHECK, "purpose_is_one_of_four": "purpose IN ('publish', 'evaluate', 'unpersonalised', 'beside')"},
)

GENERATED_COVERS = TableSpec(
    name="generated_covers",
    grain="a candidate x unit x ds",
    columns=(
        DS,
        COVER_ID,
        UNIT_ID,
        PURPOSE,
        AS_OF,
        ITEM_ID,
        SEGMENT_ID,
        METHOD,
        Column(name="candidate", type=pa.int32(), about="number within the unit, from 0"),
        Column(name="seed", type=COUNT, about="that it was painted with"),
        Column(
            name="rewards",
            type=pa.map_(TEXT, NUMBER),
            about="each reward by name, as measured (personal, relevance, aesthetic, ...); `nsfw`, 0 to 1, only where "
            "it was asked: of chosen candidates that may be shown",
        ),
        Column(name="score", type=NUMBER, about="weighted sum of the normalised rewards; the best is selected"),
        Column(name="selected", type=pa.bool_(), about="one candidate of each unit"),
        Column(name="generator", type=TEXT, about="fingerprint of the weights that painted it, adapter included"),
    ),
    partition_by=("ds",),
    keys=("ds", "unit_id", "candidate"),
    checks=DS_CHECK,
)

PUBLISHED_COVERS = TableSpec(
    name="published_covers",
    grain="item x segment x ds",
    about="What the feed may show after the night; where there is no row, the default cover.",
    columns=(
        DS,
        ITEM_ID,
        SEGMENT_ID,
        COVER_ID,
        UNIT_ID,
        Column(name="decision_id", type=TEXT, about="the decision that allows it"),
    ),
    partition_by=("ds",),
    keys=("ds", "item_id", "segment_id"),
    checks=DS_CHECK,
)

COVER_CROPS = TableSpec(
    name="cover_crops",
    grain="a crop x cover",
    about="Only where `publish.crops` names some; join it to `published_covers`. A cover that was taken down has none.",
    columns=(
        COVER_ID,
        Column(name="crop", type=TEXT, about="its name in `publish.crops`"),
        Column(name="crop_cover_id", type=TEXT, about="SHA-256 of the crop's bytes"),
        Column(name="uri", type=TEXT, about="where the crop lies"),
        Column(name="mime", type=TEXT, about="media type, e.g. image/webp"),
        Column(name="width", type=pa.int32(), about="pixels"),
        Column(name="height", type=pa.int32(), about="pixels"),
        Column(name="bytes", type=COUNT, about="of the encoded crop"),
    ),
    keys=("cover_id", "crop"),
)
