"""PixelRec: which videos users commented on, with their covers.

Read as Westlake University published PixelRec and its parts (2023): a CSV with ``item_id``, ``user_id`` and
``timestamp`` in seconds, ``interaction.csv`` or called by the part (``Pixel200K.csv``); a CSV of items with
``item_id``, ``title``, ``tag`` and ``description``, ``item_info.csv``; and ``cover/ITEM.jpg``, in a folder or a zip.

What a row means: a click, as in :mod:`~jobs.ingest.importers.sets.microlens`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from conf.errors import UsageError
from jobs.ingest.importers.data_set import About, ImportOptions
from jobs.ingest.importers.pictures import PictureStore
from jobs.ingest.importers.reading import Table, find, header_of, read_lines, read_rows
from jobs.ingest.importers.rows import ITEMS, Checked, absent, judged, malformed, text
from jobs.ingest.importers.sets.clicks import clicked_events
from jobs.ingest.importers.sets.microlens import NO_PAGES

ABOUT = About(
    title="PixelRec",
    release="interactions, item_info.csv and covers of PixelRec or of a part of it (2023)",
    licence="none is stated; its page forbids passing on an altered copy, https://github.com/westlake-repl/PixelRec",
    citation="Y. Cheng et al., An Image Dataset for Benchmarking Recommender Systems with Raw Pixels, SDM 2024, "
    "arXiv:2309.06789",
    cannot=NO_PAGES,
)
LOG = ("item_id", "user_id", "timestamp")
INFO = ("item_id", "title", "tag")


class PixelRec:
    """The data set in a folder."""

    about = ABOUT
    split_by = "user_id"

    def __init__(self, root: Path, options: ImportOptions) -> None:
        tables = find(root, "interaction.csv", "*.csv")
        self.log = _with_columns(root, tables, LOG, "interaction.csv")
        self.info = _with_columns(root, tables, INFO, "item_info.csv")
        self.growth = 1 + options.negatives
        folders = [root / "cover", root / "covers", root / "images"]
        self.store = PictureStore(folders, [path for path in sorted(root.glob("*.zip")) if path not in self.files()])

    def files(self) -> Sequence[Path]:
        """The tables."""
        return list(dict.fromkeys((self.log.path, self.info.path)))

    def items(self) -> Iterator[Checked]:
        """Videos."""
        for lines in read_rows(self.info, list(INFO)):
            typed = lines.frame.rename({"item_id": "raw_item", "title": "raw_title"})
            tags = pl.concat_list(text("tag")).list.drop_nulls()
            typed = typed.with_columns(
                item_id=text("raw_item"), title=text("raw_title"), category=text("tag").fill_null("unknown"), tags=tags
            )
            rules = [absent("raw_item"), absent("raw_title")]
            parted = judged(typed, rules, list(ITEMS), ["raw_item", "raw_title"])
            yield Checked(good=parted.good, bad=pl.concat([parted.bad, malformed(lines.broken)]))

    def pictures(self, items: pl.DataFrame) -> pl.DataFrame:
        """A cover an item."""
        return items.select("item_id", picture="item_id", rank=pl.lit(0, pl.Int32))

    def events(self) -> Iterator[Checked]:
        """Clicks."""
        for lines in read_lines(self.log, list(LOG)):
            yield clicked_events(lines, user="user_id", item="item_id", micros_a_unit=1_000_000)


def _with_columns(root: Path, tables: Sequence[Table], names: Sequence[str], called: str) -> Table:
    """The one table that has some columns; of several the one of the usual name.

    Raises
    ------
    UsageError
        There is none, or there are several of other names.
    """
    found = [table for table in tables if set(names) <= set(header_of(table))]
    usual = [table for table in found if table.last == called]
    if usual or len(found) == 1:
        return (usual or found)[0]
    if found:
        raise UsageError(f"{root} has several logs or lists ({', '.join(table.name for table in found)}): leave one.")
    raise UsageError(f"{root} has no {called}, a CSV with the columns {', '.join(names)}.")
