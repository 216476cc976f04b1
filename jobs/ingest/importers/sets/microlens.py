"""MicroLens: which short videos users commented on, with their covers and titles.

Read as Westlake University published MicroLens-50k and -100k (2023): ``MicroLens-*_pairs.csv`` with ``user``,
``item`` and ``timestamp`` in milliseconds; ``MicroLens-50k_titles.csv`` with a header, or
``MicroLens-100k_title_en.csv``, which has none; ``MicroLens-*_covers/`` or a zip of it with ``ITEM.jpg``; and
``tags_to_summary.csv`` (``videoID,category``) where it is there. ``_pairs.tsv`` has no times and is not read, nor are
likes and views.

What a row means: a click, for the log has nothing else. What else was on the page is not known: each click becomes a
request with ``--negatives`` other items beside it, drawn, in random order, of the policy ``sampled-negatives``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from jobs.ingest.importers.data_set import About, ImportOptions
from jobs.ingest.importers.pictures import PictureStore
from jobs.ingest.importers.reading import find, read_lines, read_rows
from jobs.ingest.importers.rows import ITEMS, Checked, absent, judged, malformed, text
from jobs.ingest.importers.sets.clicks import clicked_events

NO_PAGES = (
    "No impressions, positions or propensities: negatives are drawn and were not seen, so click-through rates, "
    "calibration and lift in clicks mean nothing outside this drawing, and neither position bias nor off-policy "
    "estimates can be had. "
    "One cover an item: whether another cover would have been clicked is not in the log."
)
"""What logs of clicks alone cannot show."""

ABOUT = About(
    title="MicroLens",
    release="MicroLens-50k or -100k: pairs.csv, titles and covers (2023)",
    licence="none is stated; its page forbids passing on an altered copy, https://github.com/westlake-repl/MicroLens",
    citation="Y. Ni et al., A Content-Driven Micro-Video Recommendation Dataset at Scale, arXiv:2309.15379",
    cannot=NO_PAGES,
)


class MicroLens:
    """The data set in a folder."""

    about = ABOUT
    split_by = "user_id"

    def __init__(self, root: Path, options: ImportOptions) -> None:
        self.pairs = find(root, "MicroLens-*_pairs.csv", "*_pairs.csv")[0]
        self.titles = find(root, "MicroLens-*_titles.csv", "MicroLens-*_title_en.csv", "*_title*.csv")[0]
        self.tags = find(root, "tags_to_summary.csv", optional=True)[:1]
        self.growth = 1 + options.negatives
        self.store = PictureStore(sorted(root.glob("*_covers")), sorted(root.glob("*_covers.zip")))

    def files(self) -> Sequence[Path]:
        """The tables."""
        return list(dict.fromkeys(table.path for table in (self.pairs, self.titles, *self.tags)))

    def items(self) -> Iterator[Checked]:
        """Videos that have a title."""
        category = self._categories()
        for lines in read_rows(self.titles, ["item", "title"], "maybe"):
            typed = lines.frame.rename({"item": "raw_item", "title": "raw_title"})
            typed = typed.with_columns(
                item_id=text("raw_item"), title=text("raw_title"), tags=pl.lit([], pl.List(pl.String))
            )
            typed = typed.join(category, on="item_id", how="left", maintain_order="left")
            typed = typed.with_columns(pl.col("category").fill_null("video"))
            rules = [absent("raw_item"), absent("raw_title")]
            parted = judged(typed, rules, list(ITEMS), ["raw_item", "raw_title"])
            yield Checked(good=parted.good, bad=pl.concat([parted.bad, malformed(lines.broken)]))

    def _categories(self) -> pl.DataFrame:
        parts = [lines.frame for table in self.tags for lines in read_rows(table, ["videoID", "category"], "maybe")]
        schema = {"videoID": pl.String, "category": pl.String}
        frame = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
        return frame.select(item_id=text("videoID"), category=text("category")).unique("item_id", keep="first")

    def pictures(self, items: pl.DataFrame) -> pl.DataFrame:
        """A cover an item."""
        return items.select("item_id", picture="item_id", rank=pl.lit(0, pl.Int32))

    def events(self) -> Iterator[Checked]:
        """Clicks."""
        for lines in read_lines(self.pairs, ["user", "item", "timestamp"], header="maybe"):
            yield clicked_events(lines, user="user", item="item", micros_a_unit=1_000)
