"""The tables of the lake, by name: what a row is, what every column holds, partitions, keys and constraints.

A column that is not nullable becomes NOT NULL in Delta; ``checks`` become CHECK constraints.
``coverlift inspect --schema`` prints these specifications as a page, ``docs/tables.md``.
"""

from jobs.lake.schema.covers import COVER_CROPS, GENERATED_COVERS, GENERATION_PLAN, PUBLISHED_COVERS
from jobs.lake.schema.evaluation import DRIFT, JUDGEMENTS, RANKING_LIFT
from jobs.lake.schema.features import (
    COVER_FEATURES,
    INTERACTION_EDGES,
    ITEM_FEATURES,
    POSITION_BIAS,
    PREFERENCE_TOKENS,
    SEGMENT_HISTORY,
    SEGMENTS,
    TITLE_FEATURES,
    USER_FEATURES,
    USER_HISTORY,
    USER_SEGMENTS,
)
from jobs.lake.schema.feed import COVERS, IMPRESSIONS, ITEMS, QUARANTINE
from jobs.lake.schema.review import COVER_DECISIONS, REVIEW_HEADS, ROLLBACKS
from jobs.lake.schema.runs import RUN_ATTEMPTS, RUNS
from jobs.lake.schema.spec import TableSpec
from jobs.lake.schema.titles import GENERATED_TITLES, PUBLISHED_TITLES, USER_WORD_GROUPS, WORD_GROUPS

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
        SEGMENT_HISTORY,
        USER_SEGMENTS,
        INTERACTION_EDGES,
        PREFERENCE_TOKENS,
        GENERATION_PLAN,
        GENERATED_COVERS,
        WORD_GROUPS,
        USER_WORD_GROUPS,
        GENERATED_TITLES,
        COVER_DECISIONS,
        REVIEW_HEADS,
        PUBLISHED_COVERS,
        COVER_CROPS,
        ROLLBACKS,
        PUBLISHED_TITLES,
        RANKING_LIFT,
        JUDGEMENTS,
        DRIFT,
        QUARANTINE,
        RUNS,
        RUN_ATTEMPTS,
    )
}
