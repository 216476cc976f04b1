"""MovieLens: what users rated, with a folder of posters, which the set does not ship.

Read as GroupLens publishes it since 2015 (ml-latest, ml-20m, ml-25m, ml-32m), unpacked or in its zip: ``ratings.csv``
with ``userId``, ``movieId``, ``rating`` and ``timestamp`` in seconds; ``movies.csv`` with ``movieId``, ``title`` and
``genres``; ``links.csv`` where posters are called by another id. The older ``.dat`` files of ml-1m and ml-10m are not
read. ``--posters`` is a folder of ``ID.jpg``: ``--posters-by`` says whether ID is ``movieId``, ``imdbId``
(``0114709`` or ``tt0114709``) or ``tmdbId``.

What a row means: a rating of 4 and above is a click; one below was shown and not clicked, in a request of its own, of
the policy ``ratings``. Beside a click stand ``--negatives`` other items, drawn, of the policy ``sampled-negatives``.
Nobody chose these films by their posters, on a page or otherwise: a rating says that the film was seen.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from conf.errors import UsageError
from jobs.ingest.importers.data_set import About, ImportOptions
from jobs.ingest.importers.pictures import PictureStore
from jobs.ingest.importers.reading import Lines, find, read_lines, read_rows
from jobs.ingest.importers.rows import (
    EVENTS,
    ITEMS,
    RATING_OUT_OF_RANGE,
    SAMPLED,
    Checked,
    absent,
    judged,
    malformed,
    mistyped,
    text,
)
from jobs.ingest.importers.sets.clicks import clicked_events
from jobs.ingest.importers.sets.microlens import NO_PAGES

ABOUT = About(
    title="MovieLens",
    release="ratings.csv, movies.csv and links.csv of ml-latest, ml-20m, ml-25m or ml-32m",
    licence="GroupLens: research alone, no passing on without permission (README.txt of the set); posters are others'",
    citation="F. M. Harper and J. A. Konstan, The MovieLens Datasets: History and Context, ACM TiiS 5(4), 2015, "
    "doi:10.1145/2827872",
    cannot="Ratings are of films that were seen, not of posters that were shown. " + NO_PAGES,
)
CLICKED_FROM = 4.0
"""A rating from here on is a click."""


class MovieLens:
    """The data set in a folder."""

    about = ABOUT
    split_by = "user_id"

    def __init__(self, root: Path, options: ImportOptions) -> None:
        self.ratings = find(root, "ratings.csv")[0]
        self.movies = find(root, "movies.csv")[0]
        self.by = options.posters_by
        self.links = find(root, "links.csv")[:1] if self.by != "movie" else []
        self.growth = 1 + options.negatives
        if options.posters is None or not options.posters.is_dir():
            raise UsageError("MovieLens ships no posters: name a folder of them with --posters.")
        self.store = PictureStore([options.posters])

    def files(self) -> Sequence[Path]:
        """The tables."""
        return list(dict.fromkeys(table.path for table in (self.ratings, self.movies, *self.links)))

    def items(self) -> Iterator[Checked]:
        """Films, by their first genre, with all of them as tags."""
        for lines in read_rows(self.movies, ["movieId", "title", "genres"]):
            genres = pl.when(pl.col("genres") != "(no genres listed)").then(text("genres")).str.split("|").fill_null([])
            typed = lines.frame.rename({"title": "raw_title"}).with_columns(
                item_id=text("movieId"), title=text("raw_title"), tags=genres
            )
            typed = typed.with_columns(category=pl.col("tags").list.first().fill_null("unknown"))
            rules = [absent("movieId"), absent("raw_title")]
            parted = judged(typed, rules, list(ITEMS), ["movieId", "raw_title"])
            yield Checked(good=parted.good, bad=pl.concat([parted.bad, malformed(lines.broken)]))

    def pictures(self, items: pl.DataFrame) -> pl.DataFrame:
        """A poster a film."""
        rank = pl.lit(0, pl.Int32).alias("rank")
        if self.by == "movie":
            return items.select("item_id", rank, picture="item_id").select("item_id", "picture", "rank")
        links = pl.concat([lines.frame for lines in read_rows(self.links[0], ["movieId", "imdbId", "tmdbId"])])
        named = links.select(item_id=text("movieId"), picture=text(f"{self.by}Id")).unique("item_id", keep="first")
        wanted = items.join(named, on="item_id", how="left", maintain_order="left").select(
            "item_id", pl.col("picture").fill_null(""), rank
        )
        if self.by == "imdb":
            called = [name if self.store.has(name) else f"tt{name}" for name in wanted["picture"]]
            wanted = wanted.with_columns(pl.Series("picture", called, pl.String))
        return wanted

    def events(self) -> Iterator[Checked]:
        """Ratings."""
        for lines in read_lines(self.ratings, ["userId", "movieId", "rating", "timestamp"]):
            yield _rated(lines)


def _rated(lines: Lines) -> Checked:
    """Ratings as clicks and as impressions without one."""
    frame = lines.frame.with_columns(score=pl.col("rating").cast(pl.Float64, strict=False).fill_nan(None))
    raw = ["userId", "movieId", "rating", "timestamp"]
    rules = [
        absent("rating"),
        mistyped("rating", "score"),
        (RATING_OUT_OF_RANGE, ~pl.col("score").is_between(0.5, 5.0)),
    ]
    judged_first = judged(frame, rules, [*raw, "score"], raw)
    left = Lines(frame=judged_first.good, broken=lines.broken)
    events = clicked_events(left, user="userId", item="movieId", micros_a_unit=1_000_000, beside=("score",))
    liked = pl.col("score") >= CLICKED_FROM
    policy = pl.when(liked).then(pl.lit(SAMPLED)).otherwise(pl.lit("ratings"))
    good = events.good.with_columns(clicked=liked, sample=liked, policy=policy)
    return Checked(good=good.select(*EVENTS), bad=pl.concat([judged_first.bad, events.bad]))
