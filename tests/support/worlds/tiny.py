"""A lake small enough to plan by hand: real pictures, made-up features, a reward model with known answers.

Known items have a noto drawing (the default) and a twemoji one; launching items noto only. The
made-up style of noto is the first axis, that of twemoji the second.
"""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from jobs.lake.schema.features import COVER_FEATURES, ITEM_FEATURES, SEGMENTS
from jobs.lake.schema.feed import COVERS, ITEMS
from jobs.stickers.pack import PicturePack

DS, CUT = "2026-03-29", "2026-03-22"
KNOWN = {"1f98a": 700, "1f355": 70, "1f680": 140}
"""Item -> impressions of the last 7 days: 100, 10 and 20 a day."""
LAUNCHING = ("1f40c", "1f34b")
LATER = "1f9f2"
CATEGORIES = {"1f98a": "animals", "1f40c": "animals", "1f355": "food", "1f34b": "food"}
SEGMENTS_OF = {"s0": (60, 0), "s1": (30, 1), "new": (10, None)}
"""Segment -> size and the style axis it likes."""
FAMILIES = {"noto": 0, "twemoji": 1}


class KnownScorer:
    """P(click) = 0.1, plus 0.2 for the style that the segment likes; everybody likes all styles half."""

    @classmethod
    def of_champion(cls, ctx, as_of):
        return cls()

    def segment_click_probability(self, segment_ids, item_ids, embeddings, styles, max_users=32):
        liked = {"s0": (1.0, 0.0), "s1": (0.0, 1.0), "all": (0.5, 0.5), "new": (0.5, 0.5)}
        return np.asarray(
            [0.1 + 0.2 * float(np.dot(liked[s], style[:2])) for s, style in zip(segment_ids, styles, strict=True)]
        )


def axis(dimensions, number=None, length=1.0):
    vector = np.zeros(dimensions, np.float32)
    if number is not None:
        vector[number] = length
    return vector.tolist()


def moment(day, hour=0):
    return datetime.fromisoformat(f"{day}T{hour:02d}:00:00").replace(tzinfo=UTC)


def fill(ctx, encoder_id):
    """Write the tables that planning and painting read."""
    pack = PicturePack.load()
    codes = [*KNOWN, *LAUNCHING, LATER]
    created = {**dict.fromkeys(KNOWN, moment("2026-03-02")), **dict.fromkeys(LAUNCHING, moment(DS, 5))}
    created[LATER] = moment("2026-03-30")
    items = [
        {
            "item_id": code,
            "title": pack.subject(code).labels["en"],
            "category": CATEGORIES.get(code, "travel"),
            "tags": pack.subject(code).tags["en"],
            "created_at": created[code],
        }
        for code in codes
    ]
    covers, features = [], []
    for place, code in enumerate(codes):
        for family, style in FAMILIES.items() if code in KNOWN else [("noto", 0)]:
            data = pack.bytes(code, family)
            cover_id = ctx.images.put(data)
            covers.append(
                {
                    "cover_id": cover_id,
                    "item_id": code,
                    "source": "original",
                    "is_default": family == "noto",
                    "uri": ctx.images.uri(cover_id),
                    "mime": "image/webp",
                    "width": 64,
                    "height": 64,
                    "bytes": len(data),
                    "created_at": created[code],
                }
            )
            vectors = {"embedding": axis(128, place), "style": axis(32, style)}
            features.append({"cover_id": cover_id, "encoder_id": encoder_id, **vectors})
    write(ctx, items, ITEMS)
    write(ctx, covers, COVERS)
    write(ctx, features, COVER_FEATURES)
    days = (CUT, DS)
    shown = [item_row(day, code) for day in days for code in codes if created[code] < moment(day, 23)]
    write(ctx, shown, ITEM_FEATURES)
    write(ctx, [segment_row(day, name) for day in days for name in SEGMENTS_OF], SEGMENTS)


def item_row(day, code):
    shown = KNOWN.get(code, 0)
    counts = {f"{what}_{days}d": 0 for what in ("impressions", "clicks", "ctr") for days in (1, 7, 28)}
    counts |= {"impressions_7d": shown, "impressions_28d": 4 * shown}
    return {"ds": day, "item_id": code, **counts, "ctr_debiased": 0.1, "age_days": 1.0}


def segment_row(day, name):
    size, likes = SEGMENTS_OF[name]
    return {
        "ds": day,
        "segment_id": name,
        "size": size,
        "pref_embedding": axis(128),
        "pref_style": axis(32, likes, 0.3 if day == DS else 0.2),
        "exemplar_users": [],
        "exemplar_covers": [],
        "top_categories": [],
    }


def write(ctx, rows, spec):
    """Through delta-rs: the lake's own writer is tested elsewhere, and this takes milliseconds."""
    table = pa.Table.from_pylist(rows, schema=spec.schema)
    write_deltalake(ctx.lake.path(spec.name), table, partition_by=list(spec.partition_by) or None, mode="append")
