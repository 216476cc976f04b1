"""A small lake with a preference that no item statistic can show: half of the users like one style."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import write_deltalake

from conf.settings import Settings, SparkSettings
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import EMBED_DIM, STYLE_DIM, WINDOWS
from jobs.lake.schema.tables import TABLES

ENCODER = "toy-encoder"
START = date(2026, 3, 2)


def write(lake: Lake, name: str, rows: list[dict]) -> None:
    """Rows into a table as Delta, without a JVM: these tests read with delta-rs only."""
    spec = TABLES[name]
    table = pa.Table.from_pylist(rows, schema=spec.schema)
    write_deltalake(lake.path(name), table, partition_by=list(spec.partition_by), mode="append")


@dataclass
class Toy:
    lake: Lake
    settings: Settings
    days: list[date]
    cut: date
    ds: date
    taste: dict[str, int]
    style_of: dict[str, int]
    vectors: dict[str, np.ndarray]
    log: pd.DataFrame


def unit(vector: np.ndarray) -> np.ndarray:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def make_log(rng, users, items, covers, style_of, taste, days) -> pd.DataFrame:
    rows = []
    for day in days:
        for user in users:
            for position in range(1, 7):
                item = items[rng.integers(len(items))]
                cover = covers[item][rng.integers(2)]
                liked = style_of[cover] == taste[user]
                p = (0.55 if liked else 0.06) * (1.0 if position <= 3 else 0.5)
                stamp = datetime(day.year, day.month, day.day, 9, tzinfo=UTC) + timedelta(
                    seconds=int(rng.integers(9999))
                )
                rows.append((day.isoformat(), user, item, cover, position, bool(rng.random() < p), stamp))
    log = pd.DataFrame(rows, columns=["ds", "user_id", "item_id", "cover_id", "position", "clicked", "ts"])
    log["impression_id"] = [f"i{number:07d}" for number in range(len(log))]
    return log


def counts(seen: pd.DataFrame, ds: date) -> dict[str, float]:
    row = {}
    for window in WINDOWS:
        part = seen[seen.ds > (ds - timedelta(days=window)).isoformat()]
        row[f"impressions_{window}d"] = len(part)
        row[f"clicks_{window}d"] = int(part.clicked.sum())
        row[f"ctr_{window}d"] = (part.clicked.sum() + 2.0) / (len(part) + 10.0)
    return row


def feature_tables(lake: Lake, toy_log: pd.DataFrame, days: list[date], items, vectors) -> None:
    users_out, history_out, items_out = [], [], []
    for ds in days:
        seen = toy_log[toy_log.ds <= ds.isoformat()]
        for user, own in seen.groupby("user_id"):
            clicked = np.array([vectors[c] for c in own.cover_id[own.clicked]]).reshape(-1, 160)
            skipped = np.array([vectors[c] for c in own.cover_id[~own.clicked]]).reshape(-1, 160)
            liked = clicked.sum(0) / (len(clicked) + 5) - skipped.sum(0) / (len(skipped) + 5)
            users_out.append(
                {
                    "ds": ds.isoformat(),
                    "user_id": user,
                    **counts(own, ds),
                    "recency_hours": 5.0,
                    "category_affinity": [("even", 0.2)],
                    "pref_embedding": liked[:EMBED_DIM].tolist(),
                    "pref_style": liked[EMBED_DIM:].tolist(),
                }
            )
            last = own.sort_values("ts", ascending=False).head(20)
            events = last[["ts", "item_id", "cover_id", "position", "clicked"]].to_dict("records")
            history_out.append({"ds": ds.isoformat(), "user_id": user, "events": events})
        for item in items:
            own = seen[seen.item_id == item]
            row = counts(own, ds)
            items_out.append(
                {"ds": ds.isoformat(), "item_id": item, **row, "ctr_debiased": row["ctr_28d"], "age_days": 10.0}
            )
    write(lake, "user_features", users_out)
    write(lake, "user_history", history_out)
    write(lake, "item_features", items_out)


def build(folder: Path) -> Toy:
    """60 users x 6 impressions x 8 days over 40 items with two drawings each."""
    rng = np.random.default_rng(5)
    lake = Lake(str(folder), SparkSettings())
    users = [f"u{number:03d}" for number in range(60)]
    items = [f"item-{number:02d}" for number in range(40)]
    covers = {item: [f"{number:02x}{style}".rjust(64, "0") for style in (0, 1)] for number, item in enumerate(items)}
    style_of = {cover: style for pair in covers.values() for style, cover in enumerate(pair)}
    taste = {user: int(rng.integers(2)) for user in users}
    axes = rng.normal(size=(2, STYLE_DIM))
    vectors = {
        cover: np.concatenate([unit(rng.normal(size=EMBED_DIM)), unit(axes[style] + 0.3 * rng.normal(size=STYLE_DIM))])
        for cover, style in style_of.items()
    }
    days = [START + timedelta(days=number) for number in range(8)]
    log = make_log(rng, users, items, covers, style_of, taste, days)
    created = datetime(2026, 3, 1, tzinfo=UTC)
    write(
        lake,
        "items",
        [
            {
                "item_id": item,
                "title": f"{item}!" if number % 3 else f"all about {item}",
                "category": "even" if number % 2 == 0 else "odd",
                "tags": [],
                "created_at": created,
            }
            for number, item in enumerate(items)
        ],
    )
    write(
        lake,
        "cover_features",
        [
            {
                "cover_id": cover,
                "encoder_id": ENCODER,
                "embedding": vector[:EMBED_DIM].tolist(),
                "style": vector[EMBED_DIM:].tolist(),
            }
            for cover, vector in vectors.items()
        ],
    )
    titles = [f"{item}!" if number % 3 else f"all about {item}" for number, item in enumerate(items)]
    write(
        lake,
        "title_features",
        [
            {
                "text_hash": hashlib.sha256(title.encode()).hexdigest(),
                "encoder_id": ENCODER,
                "text": title,
                "embedding": unit(rng.normal(size=EMBED_DIM)).tolist(),
            }
            for title in titles
        ],
    )
    write(lake, "impressions", [{**row, "request_id": row["impression_id"]} for row in log.to_dict("records")])
    feature_tables(lake, log, days, items, vectors)
    settings = Settings.model_validate(
        {
            "reward": {
                "test_days": 2,
                "label_days": 4,
                "epochs": 6,
                "least_steps": 0,
                "batch_size": 64,
                "learning_rate": 5e-3,
                "width": 32,
                "members": 2,
                "bootstrap": 100,
                "threads": 1,
            },
            "features": {"history_length": 20},
        }
    )
    return Toy(lake, settings, days, days[-3], days[-1], taste, style_of, vectors, log)
