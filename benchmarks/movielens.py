"""MovieLens-100K as a feed: ``python -m benchmarks.movielens ML_FOLDER --out FOLDER``.

Reads RecBole's atomic files (``ml-100k.inter``, ``ml-100k.item``) and writes what ``coverlift import movielens`` takes:
``ratings.csv``, ``movies.csv``, ``links.csv`` and ``posters/ID.jpg``; then imports it and writes ``mine.yaml``, the
settings of a night. The posters are rendered from title, year and genres, for the set ships none: the first genre
decides palette and background, the second the shape before it, the film's id one of three layouts, so that a picture
tells something of the film that a viewer can see. The same files give the same bytes.

The night's day is the last of the log. Its test days are the fewest last days that hold ``--test-share`` of the
ratings, so that nothing of the split depends on what a model makes of it.

GroupLens allows research alone and no passing on: write outside of the checkout.
"""

import argparse
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from PIL import Image, ImageDraw, ImageFont

from jobs.ingest.importers.registry import open_data_set
from jobs.ingest.importers.run import run_import

WIDTH, HEIGHT = 300, 450
Colour = tuple[int, int, int]

PALETTES: dict[str, tuple[Colour, Colour, Colour]] = {
    "Action": ((178, 34, 34), (24, 24, 24), (255, 196, 0)),
    "Adventure": ((34, 110, 60), (224, 190, 120), (255, 255, 255)),
    "Animation": ((0, 150, 220), (255, 210, 0), (255, 255, 255)),
    "Children's": ((255, 140, 0), (120, 210, 90), (30, 30, 120)),
    "Comedy": ((255, 214, 10), (255, 120, 160), (40, 40, 40)),
    "Crime": ((40, 40, 52), (150, 24, 40), (230, 230, 230)),
    "Documentary": ((120, 130, 120), (225, 225, 215), (20, 20, 20)),
    "Drama": ((78, 60, 90), (190, 160, 130), (250, 240, 225)),
    "Fantasy": ((110, 60, 170), (90, 210, 220), (255, 255, 255)),
    "Film-Noir": ((10, 10, 10), (120, 120, 120), (240, 240, 240)),
    "Horror": ((12, 12, 12), (170, 0, 0), (225, 225, 225)),
    "Musical": ((200, 30, 120), (255, 190, 60), (255, 255, 255)),
    "Mystery": ((22, 40, 74), (100, 120, 90), (220, 210, 150)),
    "Romance": ((226, 110, 140), (255, 224, 228), (110, 20, 50)),
    "Sci-Fi": ((8, 16, 60), (0, 220, 200), (230, 250, 255)),
    "Thriller": ((28, 60, 72), (220, 90, 20), (245, 245, 245)),
    "War": ((84, 86, 50), (180, 150, 90), (240, 232, 200)),
    "Western": ((166, 96, 40), (240, 200, 120), (60, 24, 8)),
    "unknown": ((130, 130, 130), (190, 190, 190), (20, 20, 20)),
}
"""Ground, shape and lettering of each of the set's genres."""


@dataclass(frozen=True, kw_only=True)
class Film:
    """What a poster is rendered from."""

    number: int
    title: str
    year: str
    genres: tuple[str, ...]


def films_of(folder: Path) -> list[Film]:
    """The films of ``ml-100k.item``, in order of their numbers."""
    table = pl.read_csv(folder / "ml-100k.item", separator="\t", infer_schema=False, quote_char=None)
    rows = table.rename(lambda name: name.split(":")[0]).with_columns(pl.col("item_id").cast(pl.Int64)).sort("item_id")
    return [
        Film(number=number, title=title or "untitled", year=year or "", genres=genres_of(classes or ""))
        for number, title, year, classes in rows.select("item_id", "movie_title", "release_year", "class").iter_rows()
    ]


def genres_of(classes: str) -> tuple[str, ...]:
    """The set's genres among the words of a class, in its order; ``("unknown",)`` for none.

    Examples
    --------
    >>> genres_of("Animation Children's Comedy")
    ('Animation', "Children's", 'Comedy')
    """
    return tuple(word for word in classes.split() if word in PALETTES) or ("unknown",)


def polygon(sides: int, *, star: bool = False, turn: float = -math.pi / 2) -> list[tuple[float, float]]:
    """Corners of a regular polygon or star around 0 with radius 1."""
    count = sides * 2 if star else sides
    reach = [0.45 if star and corner % 2 else 1.0 for corner in range(count)]
    angles = [turn + 2 * math.pi * corner / count for corner in range(count)]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for radius, angle in zip(reach, angles, strict=True)]


OUTLINES = [polygon(sides, star=star) for star in (True, False) for sides in range(3, 13)]
SHAPES = dict(zip(PALETTES, OUTLINES, strict=False))
"""One shape a genre: stars of 3 to 12 points, then polygons."""


def placed(corners: list[tuple[float, float]], x: float, y: float, radius: float) -> list[tuple[float, float]]:
    """Corners around a point of the poster, in pixels."""
    return [(x + radius * across, y + radius * down) for across, down in corners]


def emblem(draw: ImageDraw.ImageDraw, film: Film, shape: Colour) -> int:
    """One large shape; the title goes below it."""
    draw.polygon(placed(SHAPES[film.genres[-1]], WIDTH / 2, 170, 120), fill=shape)
    return 320


def pattern(draw: ImageDraw.ImageDraw, film: Film, shape: Colour) -> int:
    """Rows of small shapes; the title stands above them."""
    for row in range(4):
        for column in range(4):
            centre = 38 + 75 * column, 190 + 75 * row
            draw.polygon(placed(SHAPES[film.genres[-1]], *centre, 26 + 2 * len(film.genres)), fill=shape)
    return 20


def bands(draw: ImageDraw.ImageDraw, film: Film, shape: Colour) -> int:
    """A band for each genre, and a shape across them; the title goes below."""
    height = 300 // len(film.genres)
    for place, genre in enumerate(film.genres):
        draw.rectangle((0, place * height, WIDTH, (place + 1) * height), fill=PALETTES[genre][0])
    draw.polygon(placed(SHAPES[film.genres[-1]], WIDTH / 2, 150, 95), fill=shape)
    return 330


LAYOUTS: tuple[Callable[[ImageDraw.ImageDraw, Film, Colour], int], ...] = (emblem, pattern, bands)


def poster(film: Film) -> Image.Image:
    """A film's poster, 300 x 450 RGB."""
    ground, shape, letters = PALETTES[film.genres[0]]
    picture = Image.new("RGB", (WIDTH, HEIGHT), ground)
    draw = ImageDraw.Draw(picture)
    layout = LAYOUTS[zlib.crc32(str(film.number).encode()) % len(LAYOUTS)]
    top = layout(draw, film, shape)
    font = ImageFont.load_default(34)
    for line in lines_of(film.title, lambda text: draw.textlength(text, font=font), WIDTH - 30)[:3]:
        draw.text((WIDTH / 2, top), line, fill=letters, font=font, anchor="ma")
        top += 36
    draw.text((WIDTH - 12, HEIGHT - 10), film.year, fill=letters, font=ImageFont.load_default(18), anchor="rs")
    return picture


def lines_of(title: str, width: Callable[[str], float], most: float) -> list[str]:
    """Words of a title in lines no wider than ``most``; a longer word has a line of its own.

    Examples
    --------
    >>> lines_of("Toy Story", len, 5)
    ['Toy', 'Story']
    """
    lines: list[str] = []
    for word in title.split():
        if lines and width(f"{lines[-1]} {word}") <= most:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def ratings_of(folder: Path) -> pl.DataFrame:
    """``userId``, ``movieId``, ``rating`` and ``timestamp`` in seconds of ``ml-100k.inter``, in order of time."""
    table = pl.read_csv(folder / "ml-100k.inter", separator="\t", infer_schema=False)
    named = table.rename(lambda name: name.split(":")[0])
    return named.select(
        userId=pl.col("user_id").cast(pl.Int64),
        movieId=pl.col("item_id").cast(pl.Int64),
        rating=pl.col("rating").cast(pl.Float64),
        timestamp=pl.col("timestamp").cast(pl.Float64).cast(pl.Int64),
    ).sort("timestamp", "userId", "movieId")


def write_set(folder: Path, out: Path) -> pl.DataFrame:
    """Write the csv layout and the posters below ``out``; returns the ratings."""
    (out / "posters").mkdir(parents=True, exist_ok=True)
    ratings, films = ratings_of(folder), films_of(folder)
    ratings.write_csv(out / "ratings.csv")
    numbers = [film.number for film in films]
    titles = [f"{film.title} ({film.year})" if film.year else film.title for film in films]
    movies = {"movieId": numbers, "title": titles, "genres": ["|".join(film.genres) for film in films]}
    pl.DataFrame(movies).write_csv(out / "movies.csv")
    pl.DataFrame({"movieId": numbers, "imdbId": numbers, "tmdbId": numbers}).write_csv(out / "links.csv")
    for film in films:
        poster(film).save(out / "posters" / f"{film.number}.jpg", quality=90)
    return ratings


def days_of(ratings: pl.DataFrame, share: float) -> tuple[date, int, int]:
    """The log's last day, its length in days, and the fewest last days that hold ``share`` of the ratings.

    Examples
    --------
    >>> seconds = [0, 86_400, 2 * 86_400, 9 * 86_400]
    >>> days_of(pl.DataFrame({"timestamp": seconds}), 0.5)
    (datetime.date(1970, 1, 10), 10, 8)
    """
    days = pl.from_epoch(ratings["timestamp"], time_unit="s").dt.date().sort(descending=True)
    last, first, reached = days[0], days[-1], days[math.ceil(share * len(days)) - 1]
    return last, (last - first).days + 1, (last - reached).days + 1


def settings_of(feed: Path, length: int, test_days: int, label_days: int) -> str:
    """``mine.yaml``: half of the test days train the rankers, the others test them."""
    return (
        f"ingest:\n  source: files\n  input: {feed}\n  history_days: {length}\n"
        f"reward:\n  test_days: {test_days}\n  label_days: {label_days}\n"
        f"evaluate:\n  train_days: {test_days // 2}\n"
        "generation:\n  allow_sticker_generator: true\n"
    )


def main() -> None:
    """Write the set, the feed and the settings, and say how the night is run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with ml-100k.inter and ml-100k.item")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--test-share", type=float, default=0.1, help="of the ratings, in the test days")
    parser.add_argument("--label-days", type=int, default=56, help="before them, that the click model is fitted on")
    chosen = parser.parse_args()
    ratings = write_set(chosen.folder, chosen.out / "set")
    feed = chosen.out / "feed"
    data, options = open_data_set("movielens", chosen.out / "set", {"posters": chosen.out / "set" / "posters"})
    run_import("movielens", data, options, feed, print)
    last, length, tested = days_of(ratings, chosen.test_share)
    (chosen.out / "mine.yaml").write_text(settings_of(feed.resolve(), length, tested, chosen.label_days))
    print(f"{len(ratings):,} ratings of {length} days up to {last}, the last {tested} to test on")
    print(f"coverlift nightly --ds {last} --config {chosen.out / 'mine.yaml'} --home {chosen.out / 'home'}")


if __name__ == "__main__":
    main()
