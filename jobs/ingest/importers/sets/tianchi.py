"""CreativeRanking (Tianchi 93585): how often each creative of an advertised item was viewed and clicked on each day.

Read as Alimama published it with the paper: ``list.zip``, or its ``*list*.txt`` unpacked, with ``item_id``,
``image``, ``ds``, ``pv`` and ``clk`` between tabs and without a header, as the loaders of
``alimama-creative/A_Hybrid_Bandit_Model_with_Visual_Priors_for_Creative_Ranking`` read it; and ``images.zip`` or
``images/``. ``ds`` is a day, ``20200701``. All list files are read; a creative and day that comes again is refused.

What a row means: counts, of nobody in particular. They become impressions of the policy ``aggregated``, at most
``--at-most`` for a creative and day, drawn so that its click-through rate is right on average. All impressions of a
day belong to one user, ``aggregated:DAY``, who is no person; each is a request of its own at position 1, at noon:
neither users, pages, places nor times are in the data. The default cover of an item is the creative that was viewed
most on its first day.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import polars as pl

from jobs.ingest.importers.data_set import About, ImportOptions
from jobs.ingest.importers.pictures import PictureStore
from jobs.ingest.importers.reading import Table, find, read_lines
from jobs.ingest.importers.rows import (
    AGGREGATED,
    CLICKS_ABOVE_VIEWS,
    EVENTS,
    Checked,
    Merged,
    absent,
    judged,
    malformed,
    mistyped,
    text,
    unbelievable,
    whole,
    with_defaults,
)

ABOUT = About(
    title="CreativeRanking (Tianchi 93585)",
    release="list.zip and images.zip, as the loaders of the WWW 2021 paper read them",
    licence="as its page says, https://tianchi.aliyun.com/dataset/93585; the files name none",
    citation="S. Wang et al., A Hybrid Bandit Model with Visual Priors for Creative Ranking in Display "
    "Advertising, WWW 2021, arXiv:2102.04033",
    cannot="No users, pages, positions or times: no taste of anybody, no segments, no ranking metric, no experiment, "
    "no position bias. Above --at-most, how often creatives were shown relative to each other is lost too. Items "
    "have no titles or categories.",
)
COLUMNS = ("item_id", "image", "ds", "pv", "clk")


class Tianchi:
    """The data set in a folder."""

    about = ABOUT
    split_by = "event_id"

    def __init__(self, root: Path, options: ImportOptions) -> None:
        self.tables = find(root, "*list*.txt", "*list*.csv")
        self.growth = options.at_most
        archives = sorted(path for path in root.glob("*.zip") if "list" not in path.name)
        self.store = PictureStore([root / "images", root], archives)

    def files(self) -> Sequence[Path]:
        """The tables."""
        return list(dict.fromkeys(table.path for table in self.tables))

    @cached_property
    def _creatives(self) -> pl.DataFrame:
        """Each creative once, with its views on its first day."""
        schema = {name: EVENTS[name] for name in ("item_id", "picture", "ts", "views")}
        first = pl.col("ts", "views").sort_by("ts").first()
        known = Merged(schema, lambda rows: rows.group_by("item_id", "picture", maintain_order=True).agg(first))
        for batch in self.events():
            known.add(batch.good.select(*schema))
        return known.rows().sort("item_id", "ts", "views", "picture", descending=[False, False, True, False])

    def items(self) -> Iterator[Checked]:
        """Items of the list, by their ids alone."""
        ids = self._creatives.select(pl.col("item_id").unique(maintain_order=True))
        good = ids.with_columns(
            title=pl.format("item {}", "item_id"), category=pl.lit("unknown"), tags=pl.lit([], pl.List(pl.String))
        )
        yield Checked(good=good, bad=malformed([]))

    def pictures(self, items: pl.DataFrame) -> pl.DataFrame:
        """Creatives."""
        rank = pl.int_range(pl.len(), dtype=pl.Int32).over("item_id").alias("rank")
        return self._creatives.select("item_id", "picture", rank)

    def events(self) -> Iterator[Checked]:
        """Lines of the list."""
        for table in self.tables:
            yield from self._lines(table)

    def _lines(self, table: Table) -> Iterator[Checked]:
        for lines in read_lines(table, COLUMNS, header="bare", delimiter="\t", quoted=False):
            day = (
                pl.col("ds")
                .str.strip_chars()
                .str.replace_all("-", "")
                .str.to_datetime("%Y%m%d", strict=False, time_unit="us")
            )
            name = pl.format("{}|{}|{}", text("item_id"), text("image"), text("ds"))
            user = pl.format(f"{AGGREGATED}:{{}}", day.dt.strftime("%Y-%m-%d"))
            typed = lines.frame.rename({"item_id": "item"}).with_columns(item_id=text("item"))
            typed = typed.with_columns(
                event_id=name, request_id=name, user_id=user, picture=text("image"), ts=day.dt.offset_by("12h"),
                position=pl.lit(1, pl.Int32), clicked=pl.lit(False), policy=pl.lit(AGGREGATED), sample=pl.lit(False),
                views=whole("pv"), clicks=whole("clk"),
            )  # fmt: skip
            rules = [
                *(absent(raw) for raw in ("item", "image", "ds", "pv", "clk")),
                mistyped("ds", "ts"),
                mistyped("pv", "views"),
                mistyped("clk", "clicks"),
                unbelievable(),
                (CLICKS_ABOVE_VIEWS, (pl.col("clicks") > pl.col("views")) | (pl.col("clicks") < 0)),
            ]
            parted = judged(typed, rules, typed.columns, ["item", "image", "ds", "pv", "clk"])
            yield Checked(good=with_defaults(parted.good), bad=pl.concat([parted.bad, malformed(lines.broken)]))
