"""What comes from the feed: the log of impressions, the catalogue, and rows that were refused."""

import pyarrow as pa

from jobs.lake.schema.columns import COUNT, COVER_ID, DS, DS_CHECK, ITEM_ID, NUMBER, TEXT, TEXTS, TIMESTAMP, USER_ID
from jobs.lake.schema.spec import Column, TableSpec

IMPRESSIONS = TableSpec(
    name="impressions",
    grain="one cover shown to one user",
    columns=(
        Column(name="ds", type=TEXT, about="UTC day on which it was shown, YYYY-MM-DD"),
        Column(name="impression_id", type=TEXT, about="unique over all days"),
        Column(name="request_id", type=TEXT, about="impressions of one page share it"),
        Column(name="ts", type=TIMESTAMP, about="when it was shown, UTC, within ds"),
        USER_ID,
        ITEM_ID,
        Column(name="cover_id", type=TEXT, about="the cover shown, a row of `covers`"),
        Column(name="position", type=pa.int32(), about="place on the page, from 1"),
        Column(name="clicked", type=pa.bool_(), about="whether the user clicked"),
        Column(name="title", type=TEXT, about="the words shown", null="the item's title was shown"),
        Column(name="dwell_ms", type=COUNT, about="time on the item after the click, ms, from 0", null="not logged"),
        Column(
            name="propensity",
            type=NUMBER,
            about="the logging policy's probability of the cover and words shown, in (0, 1]",
            null="not logged: the row takes no part in off-policy evaluation",
        ),
        Column(
            name="policy",
            type=TEXT,
            about="what chose and ordered; those of `features.exploring_policies` order at random",
            null="not logged",
        ),
    ),
    partition_by=("ds",),
    keys=("impression_id",),
    checks={
        **DS_CHECK,
        "position_positive": "position >= 1",
        # Delta refuses a row whose condition is null.
        "propensity_range": "propensity IS NULL OR (propensity > 0 AND propensity <= 1)",
    },
)

ITEMS = TableSpec(
    name="items",
    grain="an item",
    columns=(
        Column(name="item_id", type=TEXT, about="item, as the feed names it"),
        Column(name="title", type=TEXT, about="its words; a painter's prompt"),
        Column(name="category", type=TEXT, about="as of now: older versions are not kept"),
        Column(name="tags", type=TEXTS, about="words, may be empty"),
        Column(name="created_at", type=TIMESTAMP, about="when it came into the feed, UTC"),
        Column(
            name="labels",
            type=pa.map_(TEXT, TEXT),
            about="its short name by language, e.g. `en`, `de`: what titles are written from",
            null="given in no language: no title is written for it",
        ),
        Column(
            name="words",
            type=pa.map_(TEXT, TEXTS),
            about="words about it by language, like `tags`",
            null="given in no language",
        ),
    ),
    keys=("item_id",),
)

COVERS = TableSpec(
    name="covers",
    grain="an image of an item",
    columns=(
        COVER_ID,
        ITEM_ID,
        Column(name="source", type=TEXT, about="`original`: came with the item; `generated`: painted"),
        Column(name="is_default", type=pa.bool_(), about="what the feed shows where nothing else was decided"),
        Column(name="uri", type=TEXT, about="path of the file, relative to the picture store"),
        Column(name="mime", type=TEXT, about="media type, e.g. image/webp"),
        Column(name="width", type=pa.int32(), about="pixels"),
        Column(name="height", type=pa.int32(), about="pixels"),
        Column(name="bytes", type=COUNT, about="size of the file"),
        Column(name="unit_id", type=TEXT, about="unit that it was painted for", null="an original"),
        Column(name="created_at", type=TIMESTAMP, about="when it came into the feed or was painted, UTC"),
    ),
    keys=("cover_id", "item_id"),
    checks={
        "source_known": "source IN ('original', 'generated')",
        "generated_has_unit": "source = 'original' OR unit_id IS NOT NULL",
        "sha256": "cover_id RLIKE '^[0-9a-f]{64}$'",
    },
)

QUARANTINE = TableSpec(
    name="quarantine",
    grain="a refused input row",
    columns=(
        DS,
        Column(name="source", type=TEXT, about="`impressions`, `items` or `covers`"),
        Column(name="row", type=TEXT, about="the row as JSON"),
        Column(name="reasons", type=TEXTS, about="all of them, by their names in the input contract"),
    ),
    partition_by=("ds", "source"),
    checks=DS_CHECK,
)
