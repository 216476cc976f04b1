"""The tables of the lake: what a row is, what every column holds, partitions, keys and constraints.

A column that is not nullable becomes NOT NULL in Delta; ``checks`` become CHECK constraints. All timestamps are UTC
with microseconds; ``ds`` is an ISO date as text, so that partition folders read the same everywhere.
``coverlift inspect --schema`` prints this file as a page, ``docs/tables.md``.
"""

import pyarrow as pa

from jobs.lake.table_spec import Column, TableSpec

EMBED_DIM = 128
"""Dimensions of an aligned picture or text embedding."""
STYLE_DIM = 32
"""Dimensions of a style embedding."""
WINDOWS = (1, 7, 28)
"""Days of the windows that user_features and item_features count over, as in ``clicks_7d``."""

TEXT = pa.string()
TEXTS = pa.list_(pa.string())
COUNT = pa.int64()
NUMBER = pa.float64()
VECTOR = pa.list_(pa.float32())
TIMESTAMP = pa.timestamp("us", tz="UTC")
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

UNPERSONALISED = "all"
"""Segment of covers painted once for everybody, with a zero preference."""
SHOWN_PURPOSES = ("publish", "unpersonalised")
"""Purposes of units whose covers the feed may show: for a segment, and for whoever has no profile."""
WITHOUT_PROFILE = "new"
"""Segment of users without clicks, and of users never seen: they are shown unpersonalised covers."""

DS = Column(name="ds", type=TEXT, about="day of the night, YYYY-MM-DD")
DS_CHECK = {"ds_is_date": "ds RLIKE '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'"}
USER_ID = Column(name="user_id", type=TEXT, about="user, as the log names them")
ITEM_ID = Column(name="item_id", type=TEXT, about="item, a row of `items`")
COVER_ID = Column(name="cover_id", type=TEXT, about="SHA-256 of the picture file's bytes, lower-case hex")
UNIT_ID = Column(name="unit_id", type=TEXT, about="SHA-256 of all that decides the pixels of a unit")
SEGMENT_ID = Column(
    name="segment_id",
    type=TEXT,
    about=f"segment; `{WITHOUT_PROFILE}`: users without a click; `{UNPERSONALISED}`: painted once for everybody; "
    "`user:` and an id: a single user (`generation.level`)",
)
ENCODER_ID = Column(name="encoder_id", type=TEXT, about="fingerprint of the encoder's weights")
PURPOSE = Column(
    name="purpose",
    type=TEXT,
    about="`publish`, `unpersonalised`: may be shown; `evaluate`: for rankers on the log as it was; "
    "`beside`: another method, for the report",
)
AS_OF = Column(name="as_of", type=TEXT, about="day of the features that the profile comes from, YYYY-MM-DD")
METHOD = Column(name="method", type=TEXT, about="personalisation method, by its name in the registry")
PREF_EMBEDDING = Column(
    name="pref_embedding",
    type=VECTOR,
    about=f"preference in what covers show, ({EMBED_DIM},): mean of clicked minus mean of skipped, zero without",
)
PREF_STYLE = Column(
    name="pref_style", type=VECTOR, about=f"preference in how covers are drawn, ({STYLE_DIM},), made alike"
)


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

MODALITY = Column(name="modality", type=TEXT, about="`visual`: covers; `words`: the words shown")

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

RANKING_LIFT = TableSpec(
    name="ranking_lift",
    grain="metric x ranker x arm x slice x ds",
    about="Also holds the A/B of published covers (ranker `none`) and the simulated truth (slice names say so).",
    columns=(
        DS,
        Column(
            name="metric",
            type=TEXT,
            about="e.g. `wndcg@10` (clicks by inverse examination), `ndcg@10`, `mrr`, `gauc`, `ctr`",
        ),
        Column(name="ranker", type=TEXT, about="`lambdarank-log`, `lambdarank-played`, or `none`"),
        Column(name="arm", type=TEXT, about="which covers it knew, or what was compared"),
        Column(name="slice", type=TEXT, about="rows it was measured on"),
        Column(name="value", type=NUMBER, about="the metric of the arm"),
        Column(name="lift", type=NUMBER, about="arm / `original` - 1", null="the row compares nothing"),
        Column(
            name="low",
            type=NUMBER,
            about="lower end of the 95 % interval of lift; of value where there is no lift",
            null="no interval can be told",
        ),
        Column(name="high", type=NUMBER, about="its upper end", null="no interval can be told"),
        Column(name="p", type=NUMBER, about="two-sided bootstrap p of no lift, 0 to 1", null="nothing was tested"),
        Column(
            name="detectable",
            type=NUMBER,
            about="minimum detectable lift: found in 80 % of such samples at 5 %",
            null="nothing was tested",
        ),
        Column(name="users", type=COUNT, about="users (or subjects) with a defined metric"),
    ),
    partition_by=("ds",),
    keys=("ds", "metric", "ranker", "arm", "slice"),
    checks=DS_CHECK,
)

JUDGEMENTS = TableSpec(
    name="judgements",
    grain="a picture x judge",
    about="What the judge said, so that it sees a picture once. The built-in world alone has a judge.",
    columns=(
        Column(name="picture_id", type=TEXT, about="SHA-256 of the pixels, row by row; no cover's id"),
        Column(name="judge", type=TEXT, about="fingerprint of the judge's weights"),
        Column(name="style_logits", type=VECTOR, about="(6,), one a family, before the temperature"),
        Column(name="embedding", type=VECTOR, about="where it lies among subjects, (128,), L2-normalised"),
    ),
    partition_by=("judge",),
    keys=("picture_id", "judge"),
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

RUNS = TableSpec(
    name="runs",
    grain="a stage of a night",
    about="The ledger: the last run of each stage.",
    columns=(
        DS,
        Column(name="stage", type=TEXT, about="name of the stage, which is its command"),
        Column(name="status", type=TEXT, about="`done` or `failed`"),
        Column(name="fingerprint", type=TEXT, about="code-settings-upstream-input, 12 hex digits each"),
        Column(name="config_hash", type=TEXT, about="SHA-256 of all settings"),
        Column(name="config", type=TEXT, about="the settings it depended on, as JSON"),
        Column(
            name="code_version", type=TEXT, about="git describe, or the package's version, with a hash of its sources"
        ),
        Column(name="tables_read", type=pa.map_(TEXT, COUNT), about="table -> Delta version; -1: missing"),
        Column(name="tables_written", type=pa.map_(TEXT, COUNT), about="table -> Delta version afterwards"),
        Column(name="rows", type=pa.map_(TEXT, COUNT), about="what was counted -> number"),
        Column(name="metrics", type=pa.map_(TEXT, NUMBER), about="what the stage measured, by name"),
        Column(name="seconds", type=NUMBER, about="wall time"),
        Column(name="note", type=TEXT, about="what the stage wants to be read", null="nothing to say"),
    ),
    partition_by=("ds",),
    keys=("ds", "stage"),
    checks={**DS_CHECK, "status_known": "status IN ('done', 'failed')"},
)

RUN_ATTEMPTS = TableSpec(
    name="run_attempts",
    grain="the begin or the end of an attempt at a stage",
    about="Every attempt, appended: one that began and never ended was killed.",
    columns=(
        DS,
        Column(name="stage", type=TEXT, about="name of the stage"),
        Column(name="attempt", type=COUNT, about="how often the stage was begun for this night, from 1"),
        Column(name="run_id", type=TEXT, about="UUID of the attempt, the run of its lineage events"),
        Column(name="night_id", type=TEXT, about="UUID of the command that ran it"),
        Column(name="status", type=TEXT, about="`running` when it begins; `done` or `failed` when it ends"),
        Column(name="at", type=TIMESTAMP, about="when that was, by the clock of the machine"),
        Column(name="exit_code", type=COUNT, about="as the command ends with", null="it begins"),
        Column(name="error", type=TEXT, about="the error's first line", null="no error"),
    ),
    partition_by=("ds",),
    checks={**DS_CHECK, "status_known": "status IN ('running', 'done', 'failed')"},
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
        PUBLISHED_TITLES,
        RANKING_LIFT,
        JUDGEMENTS,
        QUARANTINE,
        RUNS,
        RUN_ATTEMPTS,
    )
}
