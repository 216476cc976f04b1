"""What evaluation measured, and what the judge said."""

from jobs.lake.schema.columns import COUNT, DS, DS_CHECK, NUMBER, TEXT, VECTOR
from jobs.lake.schema.spec import Column, TableSpec

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

DRIFT = TableSpec(
    name="drift",
    grain="a figure x ds",
    about="How a night compares with the nights before it. Shares of hours and policies are kept, and judged together.",
    columns=(
        DS,
        Column(name="figure", type=TEXT, about="its name, e.g. `clicked_share`, `hours`, `hour_share.07`"),
        Column(name="value", type=NUMBER, about="tonight's"),
        Column(
            name="usual", type=NUMBER, about="median of the nights before", null="not judged, or a distance to them"
        ),
        Column(name="low", type=NUMBER, about="lower end of the usual range", null="not judged, or no limit is set"),
        Column(name="high", type=NUMBER, about="its upper end", null="not judged, or no limit is set"),
        Column(
            name="score",
            type=NUMBER,
            about="how far off: robust z, population stability index or Kolmogorov-Smirnov distance",
            null="not judged",
        ),
        Column(name="nights", type=COUNT, about="nights before that it was compared with, 0 where it is not judged"),
        Column(name="verdict", type=TEXT, about="`usual`, `warn` or `stop`", null="not judged"),
    ),
    partition_by=("ds",),
    keys=("ds", "figure"),
    checks={**DS_CHECK, "verdict_known": "verdict IS NULL OR verdict IN ('usual', 'warn', 'stop')"},
)
