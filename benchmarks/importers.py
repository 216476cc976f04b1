"""How fast public data sets are imported, and in how much memory: ``python -m benchmarks.importers [--rows 1000000]``.

Makes a folder of each data set with made-up rows and small pictures, imports it in a process of its own, and prints
seconds and peak memory for a tenth of the rows and for all of them. Tianchi's rows are counts, of 5 views on average.
"""

import argparse
import io
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from jobs.ingest.importers.registry import open_data_set
from jobs.ingest.importers.run import run_import

ITEMS, USERS, DAYS = 10_000, 50_000, 60
START = 1_767_225_600
"""2026-01-01T00:00:00Z."""
PAGE = 10
"""Notes of a page of Qilin."""


def draw(folder: Path, names: list[str]) -> None:
    """A small picture for each name, all different."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        picture = Image.new("RGB", (8, 8), (number % 256, number // 256 % 256, number // 65_536))
        with io.BytesIO() as stream:
            picture.save(stream, "PNG")
            (folder / name).write_bytes(stream.getvalue())


def clicks(rows: int) -> pl.DataFrame:
    """``user``, ``item`` and ``seconds`` of clicks, popular items more often, in order of users."""
    rng = np.random.default_rng(1)
    users = np.sort(rng.integers(1, USERS + 1, rows))
    items = 1 + (ITEMS * rng.random(rows) ** 2).astype(np.int64)
    return pl.DataFrame({"user": users, "item": items, "seconds": START + rng.integers(0, DAYS * 86_400, rows)})


def microlens(root: Path, rows: int) -> dict[str, Any]:
    """MicroLens-100k."""
    log = clicks(rows).select("user", "item", timestamp=pl.col("seconds") * 1000)
    log.write_csv(root / "MicroLens-100k_pairs.csv")
    titles = pl.DataFrame({"item": range(1, ITEMS + 1)}).with_columns(title=pl.format("a title of film {}", "item"))
    titles.write_csv(root / "MicroLens-100k_title_en.csv", include_header=False)
    draw(root / "MicroLens-100k_covers", [f"{item}.jpg" for item in range(1, ITEMS + 1)])
    return {}


def pixelrec(root: Path, rows: int) -> dict[str, Any]:
    """PixelRec."""
    named = pl.format("i{}", "item").alias("item_id"), pl.format("u{}", "user").alias("user_id")
    clicks(rows).select(*named, timestamp="seconds").write_csv(root / "interaction.csv")
    info = pl.DataFrame({"item_id": [f"i{item}" for item in range(1, ITEMS + 1)]})
    info.with_columns(title=pl.lit("a title"), tag=pl.lit("music")).write_csv(root / "item_info.csv")
    draw(root / "cover", [f"i{item}.jpg" for item in range(1, ITEMS + 1)])
    return {}


def movielens(root: Path, rows: int) -> dict[str, Any]:
    """ml-25m, with posters."""
    rating = (pl.col("item") * 7 + pl.col("user")).mod(10).truediv(2) + 0.5
    log = clicks(rows).select(userId="user", movieId="item", rating=rating, timestamp="seconds")
    log.write_csv(root / "ratings.csv")
    movies = pl.DataFrame({"movieId": range(1, ITEMS + 1)})
    movies.with_columns(title=pl.lit("Film (1995)"), genres=pl.lit("Comedy|Drama")).write_csv(root / "movies.csv")
    draw(root / "posters", [f"{item}.jpg" for item in range(1, ITEMS + 1)])
    return {"posters": root / "posters"}


def tianchi(root: Path, rows: int) -> dict[str, Any]:
    """CreativeRanking: as many lines as a creative and day give, of :data:`ITEMS` creatives."""
    rng = np.random.default_rng(1)
    number = np.arange(rows)
    creative, day = number % ITEMS, number // ITEMS
    views = rng.poisson(5, rows)
    names = pl.Series([f"{each}.jpg" for each in range(ITEMS)])
    days = pl.Series(
        [(date(2020, 7, 1) + timedelta(days=each)).strftime("%Y%m%d") for each in range(-(-rows // ITEMS))]
    )
    lines = pl.DataFrame(
        {
            "item_id": creative // 4,
            "image": names.gather(creative),
            "ds": days.gather(day),
            "pv": views,
            "clk": rng.binomial(views, 0.05),
        }
    )
    lines.write_csv(root / "train_data_list.txt", separator="\t", include_header=False)
    draw(root / "images", [f"{each}.jpg" for each in range(ITEMS)])
    return {}


def qilin(root: Path, rows: int) -> dict[str, Any]:
    """Qilin, pages of ten notes."""
    pages, log = rows // PAGE, clicks(rows)
    entries = pa.StructArray.from_arrays(
        [
            log["item"].to_arrow(),
            pa.array(np.tile(np.arange(1, PAGE + 1), pages)),
            (log["item"] % 9 == 0).cast(pl.Int64).to_arrow(),
            pa.array(np.where(log["item"] % 9 == 0, 12.5, np.nan)),
            pa.array(np.repeat(log["seconds"].to_numpy()[::PAGE], PAGE).astype(np.float64)),
        ],
        ["note_idx", "position", "click", "page_time", "request_timestamp"],
    )
    table = pa.table(
        {
            "request_idx": pa.array(np.arange(pages)),
            "user_idx": log["user"].gather_every(PAGE).to_arrow(),
            "rec_result_details_with_idx": pa.ListArray.from_arrays(
                pa.array(np.arange(pages + 1, dtype=np.int32) * PAGE), entries
            ),
        }
    )
    notes = pl.DataFrame({"note_idx": range(1, ITEMS + 1)}).with_columns(
        note_title=pl.lit("a note"),
        note_content=pl.lit("text"),
        taxonomy1_id=pl.lit("food"),
        image_path=pl.concat_list(pl.format("image/{}.jpg", "note_idx")),
    )
    for folder, written in (("recommendation_train", table), ("notes", notes.to_arrow())):
        (root / folder).mkdir()
        pq.write_table(written, root / folder / "train-00000-of-00001.parquet")
    draw(root / "image", [f"{item}.jpg" for item in range(1, ITEMS + 1)])
    return {}


def mmctr(root: Path, rows: int) -> dict[str, Any]:
    """MMCTR: rows without sequences, so that rows in and out compare."""
    log = clicks(rows).select(user_id="user", item_id="item", label=pl.col("item") % 2)
    log.unique(["user_id", "item_id"], maintain_order=True).write_parquet(root / "train.parquet")
    items = pl.DataFrame({"item_id": range(1, ITEMS + 1)})
    items.with_columns(item_title=pl.lit("a title")).write_parquet(root / "item_feature.parquet")
    draw(root / "item_images", [f"{item}.jpg" for item in range(1, ITEMS + 1)])
    return {}


MAKERS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    each.__name__: each for each in (qilin, tianchi, microlens, mmctr, pixelrec, movielens)
}


def measure(name: str, root: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Import it here: rows, impressions, seconds and the peak memory of this process in MB."""
    begin = time.perf_counter()
    data, options = open_data_set(name, root, given)
    outcome = run_import(name, data, options, root.with_name("out"), lambda line: None)
    seconds = time.perf_counter() - begin
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage counts what the process was forked from
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    peak = int(found[1]) / 1024 if found else float("nan")
    return {"rows": outcome.log.read, "impressions": outcome.log.written, "seconds": seconds, "peak": peak}


def measured(name: str, rows: int) -> dict[str, Any]:
    """Make the data set and import it in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        root.mkdir()
        given = {key: str(value) for key, value in MAKERS[name](root, rows).items()}
        command = [sys.executable, "-m", "benchmarks.importers", "--measure", name, str(root), json.dumps(given)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=tuple(MAKERS), action="append")
    parser.add_argument("--measure", nargs=3, metavar=("NAME", "DIR", "OPTIONS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, root, given = arguments.measure
        options = {key: Path(value) for key, value in json.loads(given).items()}
        print(json.dumps(measure(name, Path(root), options)))
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {ITEMS:,} pictures")
    print("set | rows | impressions | seconds | peak MB | seconds for a tenth | peak MB for a tenth")
    for name in arguments.only or MAKERS:
        tenth, full = (measured(name, rows) for rows in (arguments.rows // 10, arguments.rows))
        print(
            f"{name} | {full['rows']:,} | {full['impressions']:,} | {full['seconds']:.1f} | {full['peak']:.0f} | "
            f"{tenth['seconds']:.1f} | {tenth['peak']:.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
