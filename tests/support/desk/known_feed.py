"""A lake small enough to count by hand, around the covers of a made-up night: who saw which page, and what was clicked.

Segment s0 has the people u0 and u1, s1 has u2, s4 u3. Three units are live for s0 since that night: the
first, the ninth, and one of the fourth item.
"""

import json
from datetime import datetime

from benchmarks.made_up_night import DS
from jobs.lake.schema.covers import GENERATED_COVERS, GENERATION_PLAN, PUBLISHED_COVERS
from jobs.lake.schema.features import COVER_FEATURES, SEGMENTS, USER_SEGMENTS
from jobs.lake.schema.feed import COVERS, IMPRESSIONS, ITEMS
from jobs.lake.schema.review import COVER_DECISIONS
from jobs.lake.schema.runs import RUNS
from tests.support.worlds.tiny import axis, moment, write

BEFORE, AFTER = "2026-03-28", "2026-03-30"
PEOPLE = {"u0": "s0", "u1": "s0", "u2": "s1", "u3": "s4"}
PAGES = (
    (BEFORE, "r0", "u0", 9, (0, 1, 2)),
    (DS, "r1", "u0", 10, (0, 1, 2, 3)),
    (DS, "r2", "u1", 12, (3, 0, 4)),
    (DS, "r3", "u2", 14, (0, 3)),
    (DS, "r4", "u3", 15, (1, 2)),
)
"""Day, request, user, hour, and the items on the page by their numbers; the last item was shown to nobody."""
ALONE = (("u0", 5, 2), ("u2", 3, 3))
"""Who was shown the original of the first item alone on the day before the night, how often, and clicks."""
LIVE = (("u0", "painted", 4, 2), ("u1", "original", 2, 1), ("u2", "painted", 1, 1))
"""Who was shown which cover of the first item on the day after the night, how often, and clicks."""
LABELS = {"en": "fox face", "ja": "キツネの顔"}
ITEM_NUMBERS = 6


def fill(ctx, units):
    """Write the tables.

    Parameters
    ----------
    ctx
        Its lake is written to.
    units
        Rows of a made-up night, of :data:`ITEM_NUMBERS` items at least; those of the first item for s0 come first.
    """
    items = list(dict.fromkeys(row["item_id"] for row in units))[:ITEM_NUMBERS]
    first = {row["item_id"]: row for row in reversed(units)}
    write(ctx, [item_row(first[item], item == items[0]) for item in items], ITEMS)
    write(ctx, [row for unit in units for row in cover_rows(unit, first)], COVERS)
    write(ctx, [{"ds": DS, "user_id": u, "segment_id": s, "distance": 0.0} for u, s in PEOPLE.items()], USER_SEGMENTS)
    write(ctx, impressions(items, first), IMPRESSIONS)
    live = [units[0], units[8], next(row for row in units if row["item_id"] == items[3])]
    write(ctx, [published(row) for row in live], PUBLISHED_COVERS)
    write(ctx, [plan_row(units[0])], GENERATION_PLAN)
    write(ctx, [painted_row(units[0], place, each) for place, each in enumerate(units[0]["candidates"])],
          GENERATED_COVERS)  # fmt: skip
    write(ctx, [decision(units[0])], COVER_DECISIONS)
    write(ctx, [run_row("generate"), run_row("publish")], RUNS)
    segment = {"ds": DS, "segment_id": "s0", "size": 2, "pref_embedding": axis(128), "pref_style": axis(32),
               "exemplar_users": [], "exemplar_covers": [], "top_categories": []}  # fmt: skip
    write(ctx, [segment], SEGMENTS)


def put_looks(ctx, looks, encoder="e1"):
    """Embeddings by cover: the number of the axis of what it shows, and that of how it is drawn."""
    rows = [
        {"cover_id": cover, "encoder_id": encoder, "embedding": axis(128, shows), "style": axis(32, drawn, 1.0)}
        for cover, (shows, drawn) in looks.items()
    ]
    write(ctx, rows, COVER_FEATURES)


def item_row(unit, labelled):
    labels = LABELS if labelled else None
    return {"item_id": unit["item_id"], "title": unit["title"], "category": unit["category"], "tags": ["red"],
            "created_at": moment("2026-03-01"), "labels": list(labels.items()) if labels else None}  # fmt: skip


def cover_rows(unit, first):
    both = {"width": 64, "height": 64, "bytes": 400, "mime": "image/png", "created_at": moment("2026-03-01"),
            "item_id": unit["item_id"]}  # fmt: skip
    painted, original = unit["selected_cover_id"], unit["reference_cover_id"]
    yield {**both, "cover_id": painted, "uri": painted, "source": "generated", "is_default": False,
           "unit_id": unit["unit_id"]}  # fmt: skip
    if first[unit["item_id"]] is unit:
        yield {**both, "cover_id": original, "uri": original, "source": "original", "is_default": True}


def impressions(items, first):
    rows = []

    def show(day, request, user, hour, item, position, cover, clicked=False, title=None):
        at = datetime.fromisoformat(f"{day}T{hour:02d}:00:00+00:00")
        rows.append({"ds": day, "impression_id": f"i{len(rows)}", "request_id": request, "ts": at, "user_id": user,
                     "item_id": item, "cover_id": cover, "position": position, "clicked": clicked, "title": title,
                     "propensity": 0.5 if day == BEFORE else 0.25, "policy": "rank"})  # fmt: skip

    for day, request, user, hour, numbers in PAGES:
        for position, number in enumerate(numbers, 1):
            item = items[number]
            words = "キツネの顔" if request == "r2" and number == 0 else None
            show(day, request, user, hour, item, position, first[item]["reference_cover_id"], title=words)
    unit = first[items[0]]
    covers = {"original": unit["reference_cover_id"], "painted": unit["selected_cover_id"]}
    for day, user, name, times, clicks in (
        *((BEFORE, user, "original", times, clicks) for user, times, clicks in ALONE),
        *((AFTER, *row) for row in LIVE),
    ):
        for each in range(times):
            show(day, f"{day}-{user}-{name}-{each}", user, 1, items[0], 1, covers[name], each < clicks)
    return rows


def published(unit):
    return {"ds": DS, "item_id": unit["item_id"], "segment_id": "s0", "cover_id": unit["selected_cover_id"],
            "unit_id": unit["unit_id"], "decision_id": "d0"}  # fmt: skip


def plan_row(unit):
    return {"ds": DS, "unit_id": unit["unit_id"], "purpose": "publish", "as_of": DS, "item_id": unit["item_id"],
            "segment_id": "s0", "method": unit["method"], "reference_cover_id": unit["reference_cover_id"],
            "candidates": 2, "seed": 71, "prompt": unit["prompt"], "pref_embedding": axis(128),
            "pref_style": axis(32), "expected_gain": 1.25, "estimated_seconds": 0.5, "rank": 3}  # fmt: skip


def painted_row(unit, place, candidate):
    rewards = json.loads(candidate["rewards"])
    return {"ds": DS, "cover_id": candidate["cover_id"], "unit_id": unit["unit_id"], "purpose": "publish", "as_of": DS,
            "item_id": unit["item_id"], "segment_id": "s0", "method": unit["method"], "candidate": place,
            "seed": 71 + place, "rewards": list(rewards.items()), "score": rewards["score"], "selected": place == 0,
            "generator": unit["generator"]}  # fmt: skip


def decision(unit):
    return {"ds": DS, "decision_id": "d0", "cover_id": unit["selected_cover_id"], "unit_id": unit["unit_id"],
            "decision": "ask", "reason": unit["policy_reason"], "by": "policy:made-up",
            "decided_at": moment(DS, 23)}  # fmt: skip


def run_row(stage):
    return {"ds": DS, "stage": stage, "status": "done", "fingerprint": "f" * 12, "config_hash": "c" * 64,
            "config": "{}", "code_version": "v1-test", "tables_read": [], "tables_written": [], "rows": [],
            "metrics": [], "seconds": 1.0, "note": f"{stage} went well"}  # fmt: skip
