"""MMCTR: the MicroLens-1M of the WWW 2025 challenge, whose rows are labelled and have no times.

Read as published at ``recsys.westlake.edu.cn/MicroLens_1M_MMCTR``: ``train.parquet`` and ``valid.parquet``, in the
folder or in ``MicroLens_1M_x1/``, with ``user_id``, ``item_id``, ``label`` and, where it is there, ``item_seq``;
``item_feature.parquet`` with ``item_id``, ``item_title`` and ``item_tags`` (``item_info.parquet``, without titles,
where it is missing); and the pictures of ``item_images.rar`` unpacked as ``item_images/ITEM.jpg``. ``test.parquet``
has no labels and is not read.

What a row means: ``label`` 1 is a click, 0 is none; how the challenge chose the rows without click is not documented,
so their policy is ``challenge-labels``. The rows of a user are one request, in random order. ``item_seq`` of a user's
first row in ``train.parquet`` is what the user clicked before, the latest last: up to ``HISTORY`` of them, each with
``--negatives`` drawn beside it, of the policy ``sampled-negatives``. Id 0 fills sequences up; a row with item 0 or
user 0 is refused.

Times are made up: all of ``train.parquet`` lies at noon of ``--first-day``, histories on the days before it, the
latest click on the last of them, and ``valid.parquet`` on the day after.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from conf.errors import UsageError
from jobs.ingest import contract
from jobs.ingest.importers.data_set import About, ImportOptions
from jobs.ingest.importers.pictures import PictureStore
from jobs.ingest.importers.reading import find, read_parquet
from jobs.ingest.importers.rows import (
    EVENTS,
    ITEMS,
    PADDING,
    SAMPLED,
    Checked,
    absent,
    judged,
    malformed,
    mistyped,
    noon,
    text,
    whole,
    with_defaults,
)
from jobs.ingest.importers.sets.microlens import NO_PAGES

ABOUT = About(
    title="MMCTR (MicroLens-1M)",
    release="train.parquet, valid.parquet, item_feature.parquet and item_images of the WWW 2025 challenge",
    licence="none is stated; that of MicroLens, https://github.com/westlake-repl/MicroLens",
    citation="Y. Ni et al., A Content-Driven Micro-Video Recommendation Dataset at Scale, arXiv:2309.15379; "
    "WWW 2025 EReL@MIR Multimodal CTR Prediction Challenge",
    cannot="No times: days are made up, and trends, recency and new items with them. " + NO_PAGES,
)
POLICY = "challenge-labels"
HISTORY = 10
"""Clicks of a user's history that are taken, the latest."""


class Mmctr:
    """The data set in a folder."""

    about = ABOUT
    split_by = "user_id"

    def __init__(self, root: Path, options: ImportOptions) -> None:
        self.train = find(root, "train.parquet")[0].path
        self.valid = [table.path for table in find(root, "valid.parquet", optional=True)[:1]]
        self.info = find(root, "item_feature.parquet", "item_info.parquet")[0].path
        self.first_day = options.first_day
        self.growth = 1 + options.negatives
        folders = [path for path in (root / "item_images", root / "MicroLens_1M_x1" / "item_images") if path.is_dir()]
        if not folders and not list(root.glob("item_images.zip")):
            raise UsageError(f"{root} has no item_images/: unpack item_images.rar there.")
        self.store = PictureStore(folders, sorted(root.glob("item_images.zip")))

    def files(self) -> Sequence[Path]:
        """The tables."""
        return [self.train, *self.valid, self.info]

    def items(self) -> Iterator[Checked]:
        """Videos; one without a title is called by its id."""
        for frame in read_parquet([self.info], ["item_id"], ["item_title", "item_tags"]):
            typed = frame.rename({"item_id": "raw_item"}).with_columns(item_id=whole("raw_item").cast(pl.String))
            typed = typed.with_columns(
                title=pl.coalesce(text("item_title"), pl.format("item {}", "item_id")),
                category=pl.lit("video"),
                tags=_tags(frame["item_tags"]),
            )
            rules = [
                absent("raw_item"),
                mistyped("raw_item", "item_id"),
                (PADDING, pl.col("item_id") == "0"),
            ]
            yield judged(typed, rules, list(ITEMS), ["raw_item", "item_title"])

    def pictures(self, items: pl.DataFrame) -> pl.DataFrame:
        """A cover an item."""
        return items.select("item_id", picture="item_id", rank=pl.lit(0, pl.Int32))

    def events(self) -> Iterator[Checked]:
        """Clicks of histories, and labelled rows."""
        seen = Seen()
        for day, paths in ((self.first_day, [self.train]), (self.first_day + timedelta(days=1), self.valid)):
            for frame in read_parquet(paths, ["user_id", "item_id", "label"], ["item_seq"]):
                rows = _labelled(frame, pl.lit(noon(day), pl.Datetime("us")), paths[0].stem)
                yield rows
                if day == self.first_day and isinstance(frame["item_seq"].dtype, pl.List | pl.Array):
                    yield self._history(frame, seen)

    def _history(self, frame: pl.DataFrame, seen: "Seen") -> Checked:
        """What users clicked before, from their first rows."""
        typed = frame.select(whole("user_id").alias("user"), pl.col("item_seq").cast(pl.List(pl.Int64), strict=False))
        typed = typed.filter((pl.col("user") > 0) & pl.col("item_seq").is_not_null()).unique(
            "user", keep="first", maintain_order=True
        )
        typed = typed.filter(pl.Series(seen.add(typed["user"].to_numpy()), dtype=pl.Boolean))
        latest = pl.col("item_seq").list.eval(pl.element().filter(pl.element() != 0)).list.tail(HISTORY)
        typed = typed.with_columns(latest).filter(pl.col("item_seq").list.len() > 0)
        ago = pl.int_ranges(pl.col("item_seq").list.len(), 0, -1)
        rows = typed.with_columns(ago.alias("ago")).explode("item_seq", "ago")
        name = pl.format("history-{}-{}", "user", "ago")
        first = pl.lit(noon(self.first_day), pl.Datetime("us"))
        good = rows.select(
            event_id=name, request_id=name, user_id=pl.col("user").cast(pl.String),
            item_id=pl.col("item_seq").cast(pl.String), ts=first - pl.duration(days=pl.col("ago")),
            clicked=pl.lit(True), policy=pl.lit(SAMPLED), sample=pl.lit(True),
        )  # fmt: skip
        return Checked(good=with_defaults(good), bad=malformed([]))


class Seen:
    """Numbers of users that came before."""

    def __init__(self) -> None:
        self.users = np.zeros(0, np.int64)

    def add(self, users: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some users, each once, are new; they are known afterwards."""
        fresh = ~np.isin(users, self.users)
        self.users = np.union1d(self.users, users)
        return fresh


def _labelled(frame: pl.DataFrame, ts: pl.Expr, split: str) -> Checked:
    """Rows with a label, those of a user as one request."""
    typed = frame.rename({"user_id": "raw_user", "item_id": "raw_item"}).with_columns(
        user=whole("raw_user"), item=whole("raw_item"), labelled=whole("label")
    )
    typed = typed.with_columns(
        event_id=pl.format("{}-{}-{}", pl.lit(split), "user", "item"),
        request_id=pl.format("{}-{}", pl.lit(split), "user"),
        user_id=pl.col("user").cast(pl.String), item_id=pl.col("item").cast(pl.String), ts=ts,
        clicked=pl.when(pl.col("labelled").is_between(0, 1)).then(pl.col("labelled") == 1),
        policy=pl.lit(POLICY), sample=pl.lit(False),
    )  # fmt: skip
    rules = [
        *(absent(raw) for raw in ("raw_user", "raw_item", "label")),
        mistyped("raw_user", "user"),
        mistyped("raw_item", "item"),
        mistyped("label", "clicked"),
        (PADDING, (pl.col("item") == 0) | (pl.col("user") == 0)),
        (contract.BAD_TYPE, (pl.col("item") < 0) | (pl.col("user") < 0)),
    ]
    kept = [name for name in EVENTS if name in typed.columns]
    parted = judged(typed, rules, kept, ["raw_user", "raw_item", "label"])
    return Checked(good=with_defaults(parted.good), bad=parted.bad)


def _tags(tags: pl.Series) -> pl.Series:
    """Tags as text, without the 0 that fills them up."""
    if not isinstance(tags.dtype, pl.List | pl.Array):
        return pl.Series([[]] * len(tags), dtype=pl.List(pl.String))
    words = tags.cast(pl.List(pl.String)).fill_null([])
    return words.list.eval(pl.element().filter(pl.element().is_not_null() & ~pl.element().is_in(["", "0"])))
