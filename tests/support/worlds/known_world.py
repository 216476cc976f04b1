"""A small lake with known truth: covers of two looks, users who like one of them, and a played day.

Tables are written with delta-rs, which the lake reads like Spark's.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from jobs.lake.schema.columns import EMBED_DIM, STYLE_DIM
from jobs.lake.schema.tables import TABLES
from reward_model.network.features import COUNT_COLUMNS

DS, CUT = date(2026, 3, 8), date(2026, 3, 2)
ENCODER = "test-encoder"
PAGE = 8
SEGMENTS = ("s0", "s1")
BASE, BONUS = 0.04, 0.4


def cover_id(*parts):
    return sha256("/".join(map(str, parts)).encode()).hexdigest()


def unit(index, size):
    vector = np.zeros(size, np.float32)
    vector[index] = 1.0
    return vector


@dataclass
class World:
    """Users of segment s0 like look 0, those of s1 like look 1. If covers matter, a liked look adds clicks."""

    matters: bool = True
    users: int = 300
    items: int = 48
    seed: int = 5
    played: bool = True
    rng: np.random.Generator = field(init=False)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        self.user_ids = [f"u{n:04d}" for n in range(self.users)]
        self.item_ids = [f"i{n:03d}" for n in range(self.items)]
        self.liking = np.arange(self.users) % 2
        self.treated = self.rng.permutation(self.users) < self.users // 2
        self.quality = self.rng.uniform(0.6, 1.6, self.items)
        self.default_look = self.rng.integers(0, 2, self.items)
        self.new = np.arange(self.items) >= self.items - 8
        self.published = np.arange(self.items) % 4 < 2
        self.vectors = {}
        for item in range(self.items):
            for look in (0, 1):
                self.vectors[cover_id("drawn", item, look)] = (item, look)
            for look, segment in enumerate(SEGMENTS):
                self.vectors[cover_id("painted", item, segment)] = (item, look)
            self.vectors[cover_id("plain", item)] = (item, self.default_look[item])

    def chance(self, user, item, look, position):
        likes = (self.liking[user] == look) if self.matters else 0.5
        return (BASE + BONUS * likes * (0.8 if self.matters else 0.5)) * self.quality[item] / np.sqrt(position)

    def impressions(self, day, *, played=False):
        rows = []
        shown_items = np.flatnonzero(~self.new) if not played else np.arange(self.items)
        for user in range(self.users):
            for request in range(2):
                for position, item in enumerate(self.rng.choice(shown_items, PAGE, replace=False), start=1):
                    look = self.default_look[item]
                    cover = cover_id("drawn", item, look)
                    propensity = 1.0
                    if not self.new[item]:
                        propensity = 0.7
                        if self.rng.random() < 0.3:
                            look, propensity = 1 - look, 0.3
                            cover = cover_id("drawn", item, look)
                    if played and self.treated[user] and self.published[item]:
                        look, propensity = self.liking[user], 1.0
                        cover = cover_id("painted", item, SEGMENTS[look])
                    policy = ("published" if self.treated[user] else "control") if played else "rank"
                    rows.append(
                        {
                            "ds": day.isoformat(),
                            "impression_id": f"{day}-{user}-{request}-{position}",
                            "request_id": f"{day}-{user}-{request}",
                            "ts": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
                            "user_id": self.user_ids[user],
                            "item_id": self.item_ids[item],
                            "cover_id": cover,
                            "position": position,
                            "clicked": bool(self.rng.random() < self.chance(user, item, look, position)),
                            "propensity": propensity,
                            "policy": policy,
                        }
                    )
        return rows

    def user_features(self, day):
        for user, name in enumerate(self.user_ids):
            yield {
                "ds": day.isoformat(),
                "user_id": name,
                **{column: 0.1 if column.startswith("ctr") else 40 for column in COUNT_COLUMNS},
                "recency_hours": None if user == 3 else 5.0,
                "category_affinity": [("food", 0.5)] if user % 3 else [],
                "pref_embedding": unit(0, EMBED_DIM),
                "pref_style": unit(self.liking[user], STYLE_DIM),
            }

    def item_features(self, day):
        for item, name in enumerate(self.item_ids):
            shown = 0 if self.new[item] else 100
            rate = 0.1 if self.new[item] else 0.1 * float(self.quality[item])
            yield {
                "ds": day.isoformat(),
                "item_id": name,
                **{column: rate if column.startswith("ctr") else shown for column in COUNT_COLUMNS},
                "ctr_debiased": rate,
                "age_days": 0.0 if self.new[item] else 30.0,
            }

    def generated(self):
        kinds = [("evaluate", CUT), ("publish", DS)]
        for purpose, as_of in kinds:
            for item in range(self.items):
                if not (self.published[item] if purpose == "publish" else not self.new[item]):
                    continue
                for segment in SEGMENTS:
                    yield self._candidate(purpose, as_of, item, segment, cover_id("painted", item, segment))
        for item in range(self.items):
            yield self._candidate("unpersonalised", DS, item, "all", cover_id("plain", item))

    def _candidate(self, purpose, as_of, item, segment, cover):
        return {
            "ds": DS.isoformat(),
            "cover_id": cover,
            "unit_id": f"{purpose}-{item}-{segment}",
            "purpose": purpose,
            "as_of": as_of.isoformat(),
            "item_id": self.item_ids[item],
            "segment_id": segment,
            "method": "profile",
            "candidate": 0,
            "seed": 1,
            "rewards": [("relevance", 0.9), ("personal", 0.1)],
            "score": 1.0,
            "selected": True,
            "generator": "test",
        }

    def publish(self):
        for item in np.flatnonzero(self.published):
            for segment in SEGMENTS:
                yield {
                    "ds": DS.isoformat(),
                    "item_id": self.item_ids[item],
                    "segment_id": segment,
                    "cover_id": cover_id("painted", item, segment),
                    "unit_id": f"publish-{item}-{segment}",
                    "decision_id": "d",
                }

    def write(self, root: Path):
        days = [CUT + timedelta(days=n) for n in range((DS - CUT).days + 1)]
        logged = [row for day in days[1:] for row in self.impressions(day)]
        if self.played:
            logged += self.impressions(DS + timedelta(days=1), played=True)
        created = datetime(2026, 1, 1, tzinfo=UTC)
        rows = {
            "impressions": logged,
            "items": [
                {"item_id": name, "title": name, "category": "food", "tags": [], "created_at": created}
                for name in self.item_ids
            ],
            "covers": [
                self.cover_row(item, look, created)
                for item in range(self.items)
                for look in (0, 1)
                if not (self.new[item] and look != self.default_look[item])
            ],
            "cover_features": [
                {
                    "cover_id": name,
                    "encoder_id": ENCODER,
                    "embedding": unit(item % EMBED_DIM, EMBED_DIM),
                    "style": unit(look, STYLE_DIM),
                }
                for name, (item, look) in self.vectors.items()
            ],
            "user_features": [row for day in days for row in self.user_features(day)],
            "item_features": [row for day in days for row in self.item_features(day)],
            "position_bias": [
                {"ds": DS.isoformat(), "position": k, "examination": float(1 / np.sqrt(k)), "impressions": 10}
                for k in range(1, PAGE + 1)
            ],
            "user_segments": [
                {"ds": day.isoformat(), "user_id": name, "segment_id": SEGMENTS[self.liking[n]], "distance": 0.1}
                for day in (CUT, DS)
                for n, name in enumerate(self.user_ids)
            ],
            "segments": [
                {
                    "ds": day.isoformat(),
                    "segment_id": segment,
                    "size": self.users // 2,
                    "pref_embedding": unit(0, EMBED_DIM),
                    "pref_style": unit(look, STYLE_DIM),
                    "exemplar_users": self.user_ids[:2],
                    "exemplar_covers": [cover_id("drawn", 0, look), cover_id("drawn", 1, look)],
                    "top_categories": ["food", "travel"],
                }
                for day in (CUT, DS)
                for look, segment in enumerate(SEGMENTS)
            ],
            "generated_covers": list(self.generated()),
            "published_covers": list(self.publish()),
        }
        for name, table in rows.items():
            spec = TABLES[name]
            data = pa.Table.from_pylist(table, schema=spec.schema)
            write_deltalake(f"{root}/{name}", data, partition_by=list(spec.partition_by), mode="overwrite")

    def cover_row(self, item, look, created):
        name = cover_id("drawn", item, look)
        return {
            "cover_id": name,
            "item_id": self.item_ids[item],
            "source": "original",
            "is_default": bool(look == self.default_look[item]),
            "uri": f"{name[:2]}/{name}",
            "mime": "image/webp",
            "width": 64,
            "height": 64,
            "bytes": 10,
            "created_at": created,
        }


class KnowingScorer:
    """Knows that users like one look; what a good reward model would have learned."""

    def __init__(self, world):
        self.world = world
        self.calls = 0

    def click_probability(self, user_ids, item_ids, embeddings, styles):
        self.calls += 1
        look = np.asarray(styles).argmax(axis=1)
        user = np.array([int(name[1:]) for name in user_ids])
        likes = self.world.liking[user] == look
        return np.where(likes, BASE + BONUS * 0.8, BASE).astype(np.float64)
