"""Qilin: notes that an app recommended, with what was clicked of each page; the one set with real impressions.

Read as THUIR published it on Hugging Face (``THUIR/Qilin``, 2025): folders ``recommendation_train``,
``recommendation_test`` and ``notes`` of Parquet files, here with the pictures unpacked beside them, so that
``image_path`` is found below the folder itself, ``image/`` or ``images/``. Search results are not read.

What a row means: each entry of ``rec_result_details_with_idx`` is an impression of the note's first picture.
``request_timestamp`` is seconds, or milliseconds where it is above 10^11. ``page_time`` is seconds: NaN, as of notes
that were not opened, is no dwell time, a negative one refuses the row. Positions count from 1; from 0 where most
pages of the first batch have one at 0. A note without a title is called by the beginning of its text.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import polars as pl

from conf.errors import UsageError
from jobs.ingest import contract
from jobs.ingest.importers.data_set import About, ImportOptions
from jobs.ingest.importers.pictures import PictureStore
from jobs.ingest.importers.reading import read_parquet
from jobs.ingest.importers.rows import (
    ITEMS,
    Checked,
    absent,
    judged,
    mistyped,
    text,
    unbelievable,
    whole,
    with_defaults,
)

ABOUT = About(
    title="Qilin",
    release="recommendation_train, recommendation_test and notes of THUIR/Qilin (2025)",
    licence="Apache-2.0, by its page on Hugging Face",
    citation="J. Chen et al., Qilin: A Multimodal Information Retrieval Dataset with APP-level User Sessions, "
    "SIGIR 2025, arXiv:2503.00501",
    cannot="No propensities and no random order: off-policy estimates and position bias cannot be had. One cover a "
    "note: whether another cover would have been clicked is not in the log.",
)
LISTED = "rec_result_details_with_idx"
SPLITS = ("recommendation_train", "recommendation_test")
ENTRY = ("note_idx", "position", "click", "page_time", "request_timestamp")
"""Fields of an entry that are read."""
NEEDED = frozenset(ENTRY) - {"page_time"}
REQUESTS = 4_096
"""Requests that are read at a time."""
MILLISECONDS = 1e11
"""Times from here on are no seconds."""
TITLE = 80
"""Characters of the text that stand for a missing title."""


class Qilin:
    """The data set in a folder."""

    about = ABOUT
    split_by = "request_id"
    growth = 1

    def __init__(self, root: Path, options: ImportOptions) -> None:
        self.logs = {split: _parquet(root, split) for split in SPLITS if (root / split).is_dir() or split == SPLITS[0]}
        self.notes = _parquet(root, "notes")
        self.store = PictureStore([root, root / "image", root / "images"])

    def files(self) -> Sequence[Path]:
        """The tables."""
        return [*(path for paths in self.logs.values() for path in paths), *self.notes]

    def items(self) -> Iterator[Checked]:
        """Notes."""
        for frame in self._notes("note_title", "note_content", "taxonomy1_id", "taxonomy2_id", "taxonomy3_id"):
            tags = pl.concat_list(text("taxonomy2_id"), text("taxonomy3_id")).list.drop_nulls()
            title = pl.coalesce(
                text("note_title"),
                text("note_content").str.slice(0, TITLE).str.replace_all(r"\s+", " "),
                pl.lit("(no title)"),
            )
            typed = frame.with_columns(
                item_id=whole("note_idx").cast(pl.String),
                title=title,
                category=pl.coalesce(text("taxonomy1_id"), pl.lit("unknown")),
                tags=tags,
            )
            rules = [absent("note_idx"), mistyped("note_idx", "item_id")]
            yield judged(typed, rules, list(ITEMS), ["note_idx", "note_title"])

    def _notes(self, *wanted: str) -> Iterator[pl.DataFrame]:
        return read_parquet(self.notes, ["note_idx"], wanted)

    def pictures(self, items: pl.DataFrame) -> pl.DataFrame:
        """The first picture of each note."""
        parts = [pl.DataFrame(schema={"item_id": pl.String, "picture": pl.String, "rank": pl.Int32})]
        for frame in self._notes("image_path"):
            named = frame.select(
                item_id=whole("note_idx").cast(pl.String),
                picture=first_of(frame["image_path"]).fill_null(""),
                rank=pl.lit(0, pl.Int32),
            )
            parts.append(named.filter(pl.col("item_id").is_in(items["item_id"].implode())))
        return pl.concat(parts).unique("item_id", keep="first", maintain_order=True)

    @cached_property
    def _from_zero(self) -> bool:
        """Whether most pages of the first batch begin at position 0."""
        frame = next(read_parquet(self.logs[SPLITS[0]], [LISTED], rows=REQUESTS), pl.DataFrame({LISTED: [[]]}))
        first = frame[LISTED].list.eval(pl.element().struct.field("position").cast(pl.Float64, strict=False)).list.min()
        return bool((first == 0).sum() * 2 > frame.height)

    def events(self) -> Iterator[Checked]:
        """Entries of requests."""
        for split, paths in self.logs.items():
            needed = ["request_idx", "user_idx", LISTED]
            for frame in read_parquet(paths, needed, rows=REQUESTS):
                yield self._events(split.removeprefix("recommendation_"), frame)

    def _events(self, split: str, frame: pl.DataFrame) -> Checked:
        listed_as = frame[LISTED].dtype
        if not isinstance(listed_as, pl.List) or not isinstance(listed_as.inner, pl.Struct):
            raise UsageError(f"{LISTED} is no list of entries: is this the Parquet of THUIR/Qilin?")
        there = {field.name for field in listed_as.inner.fields}
        if not there >= NEEDED:
            raise UsageError(f"Entries of {LISTED} have no {', '.join(sorted(NEEDED - there))}: is this THUIR/Qilin?")
        numbered = frame.with_columns(n=pl.int_ranges(pl.col(LISTED).list.len().fill_null(0).clip(1)))
        listed = numbered.with_columns(
            pl.when(pl.col(LISTED).list.len() > 0).then(pl.col(LISTED)).otherwise(pl.lit([None], frame[LISTED].dtype))
        )
        entry, nothing = pl.col(LISTED).struct, pl.lit(None, pl.String)
        rows = listed.explode(LISTED, "n").with_columns(
            entry.field(name) if name in there else nothing.alias(name) for name in ENTRY
        )
        request = pl.format("{}-{}", pl.lit(split), whole("request_idx"))
        seconds = pl.col("request_timestamp").cast(pl.Float64, strict=False)
        dwell = pl.col("page_time").cast(pl.Float64, strict=False).fill_nan(None)
        typed = rows.with_columns(
            event_id=pl.format("{}-{}", request, "n"),
            request_id=request,
            user_id=text("user_idx"),
            item_id=whole("note_idx").cast(pl.String),
            ts=micros(pl.when(seconds > MILLISECONDS).then(seconds * 1e3).otherwise(seconds * 1e6)),
            shown=whole("position").cast(pl.Int32, strict=False) + int(self._from_zero),
            clicked=pl.when(whole("click").is_between(0, 1)).then(whole("click") == 1),
            dwell_ms=(dwell * 1e3).round().cast(pl.Int64, strict=False),
            policy=pl.lit("recommended"),
            sample=pl.lit(False),
        )
        rules = [
            *(absent(raw) for raw in ("request_idx", "user_idx", "note_idx", "position", "click", "request_timestamp")),
            mistyped("request_idx", "request_id"),
            mistyped("note_idx", "item_id"),
            mistyped("position", "shown"),
            mistyped("click", "clicked"),
            mistyped("request_timestamp", "ts"),
            unbelievable(),
            (contract.POSITION_OUT_OF_RANGE, pl.col("shown") < 1),
            (contract.NEGATIVE_DWELL, pl.col("dwell_ms") < 0),
        ]
        parted = judged(
            typed,
            rules,
            ["event_id", "request_id", "user_id", "item_id", "ts", "shown", "clicked", "dwell_ms", "policy", "sample"],
            ["request_idx", "user_idx", *ENTRY],
        )
        return Checked(good=with_defaults(parted.good.rename({"shown": "position"})), bad=parted.bad)


def _parquet(root: Path, folder: str) -> list[Path]:
    paths = sorted((root / folder).glob("*.parquet"))
    if not paths:
        raise UsageError(f"{root} has no {folder}/*.parquet: is this the folder of THUIR/Qilin?")
    return paths


def first_of(paths: pl.Series) -> pl.Series:
    """The first of several paths, or the one."""
    if isinstance(paths.dtype, pl.List):
        return paths.list.first().cast(pl.String)
    return paths.cast(pl.String)


def micros(expression: pl.Expr) -> pl.Expr:
    """A number of microseconds since 1970 as a time; null beyond what times reach."""
    there = expression.is_finite() & (expression.abs() < 2**62)
    return pl.when(there).then(expression.round()).cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
