"""Logs small enough to work out by hand, and one with two kinds of users."""

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from jobs.lake.schema.features import COVER_FEATURES
from jobs.lake.schema.feed import IMPRESSIONS, ITEMS


def cover_id(name):
    return hashlib.sha256(name.encode()).hexdigest()


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class Log:
    """Rows of impressions, items and cover_features, to be written to a lake."""

    def __init__(self):
        self.impressions, self.items, self.covers = [], [], []

    def item(self, item_id, category, created_at):
        self.items.append(
            {"item_id": item_id, "title": item_id, "category": category, "tags": [], "created_at": _utc(created_at)}
        )

    def cover(self, name, embedding, style):
        self.covers.append(
            {"cover_id": cover_id(name), "encoder_id": "test-encoder", "embedding": embedding, "style": style}
        )

    def shown(self, ts, user_id, item_id, cover, position, clicked, policy="explore-rank"):
        number = len(self.impressions)
        self.impressions.append(
            {
                "ds": ts[:10],
                "impression_id": f"i{number:07d}",
                "request_id": f"r{number:07d}",
                "ts": _utc(ts),
                "user_id": user_id,
                "item_id": item_id,
                "cover_id": cover_id(cover),
                "position": position,
                "clicked": bool(clicked),
                "policy": policy,
            }
        )

    def write(self, lake):
        days = sorted({row["ds"] for row in self.impressions})
        lake.replace(pa.Table.from_pylist(self.impressions, schema=IMPRESSIONS.schema), "impressions", ds=days)
        lake.replace(pa.Table.from_pylist(self.items, schema=ITEMS.schema), "items")
        covers = pa.Table.from_pylist(self.covers, schema=COVER_FEATURES.schema)
        lake.replace(covers, "cover_features", where="encoder_id = 'test-encoder'")


def _utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


LAST = "2026-03-29"
FIRST = "2026-03-20"


def two_tastes(until=LAST, users=120, items=24, seed=5):
    """Even users click style 0 and food, odd ones style 1 and pets; every tenth user never clicks.

    A day's rows depend on the day alone, so that a log until later begins with the log until earlier.
    """
    log = Log()
    random = np.random.default_rng(seed)
    taste = np.eye(32)[:2]
    for item in range(items):
        log.item(f"item{item:02d}", "food" if item % 2 == 0 else "pets", "2026-03-01T00:00:00")
        subject = unit(random.normal(size=128))
        for style in range(2):
            log.cover(f"{item}-{style}", subject, unit(taste[style] + 0.1 * random.normal(size=32)))
    day = datetime.fromisoformat(FIRST)
    while day.date().isoformat() <= until:
        today = np.random.default_rng([seed, day.toordinal()])
        if day.date().isoformat() > LAST:
            log.item(f"late{day.day}", "late", day.isoformat())
            log.cover(f"late{day.day}", unit(today.normal(size=128)), unit(today.normal(size=32)))
            log.shown(day.isoformat(), f"late{day.day}", f"late{day.day}", f"late{day.day}", 1, True)
        for user in range(users):
            _page(log, day, user, items, today)
        day += timedelta(days=1)
    return log


def _page(log, day, user, items, random):
    ts = (day + timedelta(seconds=int(random.integers(86_399)))).isoformat()
    for position in range(1, 6):
        item, style = int(random.integers(items)), int(random.integers(2))
        likes = 0.45 * (style == user % 2) + 0.1 * (item % 2 == user % 2) + 0.02
        clicked = user % 10 != 0 and random.random() < likes * position**-0.6
        log.shown(ts, f"user{user:03d}", f"item{item:02d}", f"{item}-{style}", position, clicked)
