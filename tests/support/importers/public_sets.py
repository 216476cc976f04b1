"""Folders of public data sets, laid out as they are published: small, and with the faults that they have."""

import csv
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.worlds.small_input import png

MARCH = 1_772_323_200
"""2026-03-01T00:00:00Z in seconds."""
DAY = 86_400
COLOURS = ("red", "green", "blue", "white", "black", "yellow", "orange", "purple", "pink", "brown")


def write_csv(path: Path, rows, header=None, delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerows([header, *rows] if header else rows)


def write_parquet(path: Path, rows, schema=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def draw(folder: Path, names, suffix=".jpg"):
    """A picture for each name, all different."""
    for number, name in enumerate(names):
        path = folder / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(COLOURS[number % len(COLOURS)], (8 + number, 6)))


def clicks(users=6, items=8, days=3):
    """(user, item, seconds) of clicks: each user clicks two items a day."""
    return [
        (user, 1 + (user + day + n * 3) % items, MARCH + day * DAY + 3600 * user + n)
        for day in range(days)
        for user in range(1, users + 1)
        for n in range(2)
    ]


def microlens(root: Path, release="50k"):
    rows = [(user, item, seconds * 1000) for user, item, seconds in clicks()]
    write_csv(root / f"MicroLens-{release}_pairs.csv", rows, ("user", "item", "timestamp"))
    titles = [(item, f"A film, number {item}") for item in range(1, 9)]
    if release == "50k":
        write_csv(root / "MicroLens-50k_titles.csv", titles, ("item", "title"))
    else:
        write_csv(root / f"MicroLens-{release}_title_en.csv", titles)
    (root / f"MicroLens-{release}_likes_and_views.txt").write_text("1\t5\t100\n")
    draw(root / f"MicroLens-{release}_covers", range(1, 9))
    return root


def pixelrec(root: Path):
    rows = [(f"i{item}", f"u{user}", seconds) for user, item, seconds in clicks()]
    write_csv(root / "interaction.csv", rows, ("item_id", "user_id", "timestamp"))
    counts = (
        "view_number",
        "comment_number",
        "thumbup_number",
        "share_number",
        "coin_number",
        "favorite_number",
        "barrage_number",
    )
    info = [(f"i{item}", *range(7), f"title {item}", "music", 'two\nlines, "quoted"') for item in range(1, 9)]
    write_csv(root / "item_info.csv", info, ("item_id", *counts, "title", "tag", "description"))
    draw(root / "cover", [f"i{item}" for item in range(1, 9)])
    return root


def movielens(root: Path, posters: Path):
    rows = [(user, item, 3.5 if (user + item) % 3 == 0 else 4.5, seconds) for user, item, seconds in clicks()]
    write_csv(root / "ratings.csv", rows, ("userId", "movieId", "rating", "timestamp"))
    movies = [
        (item, f"Film, The ({1990 + item})", "Comedy|Drama" if item % 2 else "(no genres listed)")
        for item in range(1, 9)
    ]
    write_csv(root / "movies.csv", movies, ("movieId", "title", "genres"))
    write_csv(
        root / "links.csv", [(item, f"{item:07}", item * 10) for item in range(1, 9)], ("movieId", "imdbId", "tmdbId")
    )
    draw(posters, range(1, 9))
    return root


def tianchi(root: Path):
    """Four items of two creatives over three days, in list.zip and images.zip."""
    lines = [
        (item, f"{item}_{n}.jpg", f"2020070{day}", 30 * (n + 1), item % 3 + n)
        for item in range(1, 5)
        for n in range(2)
        for day in (1, 2, 3)
    ]
    root.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(root / "list.zip", "w") as archive:
        archive.writestr("list/train_data_list.txt", "".join("\t".join(map(str, line)) + "\n" for line in lines))
    with zipfile.ZipFile(root / "images.zip", "w") as archive:
        for number, name in enumerate(f"{item}_{n}.jpg" for item in range(1, 5) for n in range(2)):
            archive.writestr(f"images/{name}", png(COLOURS[number], (8 + number, 6)))
    return root


ENTRY = pa.struct(
    [
        ("note_idx", pa.int64()),
        ("position", pa.int64()),
        ("click", pa.int64()),
        ("like", pa.int64()),
        ("page_time", pa.float64()),
        ("request_timestamp", pa.float64()),
    ]
)
REQUEST = pa.schema(
    [
        ("request_idx", pa.int64()),
        ("session_idx", pa.int64()),
        ("user_idx", pa.int64()),
        ("query", pa.string()),
        ("recent_clicked_note_idxs", pa.list_(pa.int64())),
        ("rec_result_details_with_idx", pa.list_(ENTRY)),
    ]
)


def entry(note, position, *, click=0, page_time=float("nan"), at=MARCH):
    return {
        "note_idx": note,
        "position": position,
        "click": click,
        "like": 0,
        "page_time": page_time,
        "request_timestamp": float(at),
    }


def request(number, entries, user=7):
    return {
        "request_idx": number,
        "session_idx": 0,
        "user_idx": user,
        "query": "",
        "recent_clicked_note_idxs": [1],
        "rec_result_details_with_idx": entries,
    }


def qilin(root: Path, requests=None):
    if requests is None:
        requests = [
            request(
                number,
                [
                    entry(
                        1 + (number + n) % 6,
                        n + 1,
                        click=int(n == number % 4),
                        page_time=12.5 if n == number % 4 else float("nan"),
                        at=MARCH + DAY * (number % 3) + number,
                    )
                    for n in range(4)
                ],
                user=number % 5,
            )
            for number in range(12)
        ]
    write_parquet(root / "recommendation_train" / "train-00000-of-00001.parquet", requests, REQUEST)
    write_parquet(
        root / "recommendation_test" / "train-00000-of-00001.parquet",
        [request(900, [entry(2, 1, click=1, page_time=3.0, at=MARCH + 3 * DAY)])],
        REQUEST,
    )
    notes = [
        {
            "note_idx": note,
            "note_title": "" if note == 3 else f"note {note}",
            "note_content": "the text\nof it",
            "note_type": 1,
            "taxonomy1_id": "food",
            "taxonomy2_id": "cake",
            "taxonomy3_id": None,
            "image_path": [f"image/{note % 2}/{note}_0.jpg", f"image/{note % 2}/{note}_1.jpg"],
        }
        for note in range(1, 7)
    ]
    write_parquet(root / "notes" / "train-00000-of-00001.parquet", notes)
    draw(root, [f"image/{note % 2}/{note}_0" for note in range(1, 7)])
    return root


def mmctr(root: Path):
    rows = [
        {
            "user_id": user,
            "item_seq": [0, 0, 1 + user % 8, 1 + (user + 2) % 8],
            "item_id": 1 + (user + n) % 8,
            "likes_level": 1,
            "views_level": 1,
            "label": int(n == 0),
        }
        for user in range(1, 7)
        for n in range(3)
    ]
    write_parquet(root / "MicroLens_1M_x1" / "train.parquet", rows)
    write_parquet(
        root / "MicroLens_1M_x1" / "valid.parquet", [row | {"item_id": 1 + row["item_id"] % 8} for row in rows]
    )
    items = [
        {"item_id": item, "item_title": f"video {item}", "item_tags": [3, 0], "likes_level": 1, "views_level": 2}
        for item in range(9)
    ]
    write_parquet(root / "item_feature.parquet", items)
    draw(root / "item_images", range(1, 9))
    return root
