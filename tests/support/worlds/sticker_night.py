"""A small night of the real stickers world: real drawings, simulated users, stand-ins for painted covers.

What "the painter" paints is a blend of the item's original and its real drawing in the segment's
favourite family; segments are the users' true favourites. Tables are written with delta-rs.
"""

from datetime import date, timedelta
from hashlib import sha256

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from conf.settings import Settings
from generation.pictures import to_webp
from jobs.lake.context import Context
from jobs.lake.schema.columns import EMBED_DIM, STYLE_DIM
from jobs.lake.schema.tables import TABLES
from jobs.simulator.log.campaign import build_campaign
from jobs.simulator.log.files import cover_rows, item_rows
from jobs.simulator.log.impressions import day_block
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES
from recsys_eval.experiment.drawing_policy import measure_drawings
from recsys_eval.experiment.played_day import measure_experiment
from recsys_eval.night import Night
from recsys_eval.ranking.compare import rank_log, rank_played
from reward_model.network.features import COUNT_COLUMNS

DS = date(2026, 3, 29)
ENCODER = "test-encoder"
PARTS = (rank_log, rank_played, measure_experiment, measure_drawings)
"""Of the evaluation: all but those that ask the judge."""


class TrueScorer:
    """Answers with the world's own probabilities: style vectors here are style probabilities."""

    def __init__(self, world):
        self.world = world

    def click_probability(self, user_ids, item_ids, embeddings, styles):
        return self.world.click_probability(
            self.world.user_index(user_ids),
            self.world.item_index(item_ids),
            np.asarray(styles)[:, : len(FAMILIES)],
            1.0,
        )


def settings_of(users, test_days):
    return Settings.model_validate(
        {
            "ds": DS,
            "world": {"users": users, "impressions": users * 28 * 6},
            "reward": {"test_days": test_days},
            "evaluate": {"train_days": test_days - 1, "bootstrap": 100, "trees": 20},
        }
    )


def blended(world, item, family, share=0.75):
    """Stand-in for a painted cover."""
    pack, code = world.items.pack, world.items.item_ids[item]
    original = pack.pixels(code, FAMILIES[world.items.default[item]]).astype(float)
    if family is None or FAMILIES[family] not in pack.families_of(code):
        return original.astype(np.uint8) // 8 * 8
    wanted = pack.pixels(code, FAMILIES[family]).astype(float)
    return np.round(share * wanted + (1 - share) * original).astype(np.uint8)


def make_sticker_night(home, *, users=240, test_days=3, items_painted=40, played=True, segments_of=4):
    settings = settings_of(users, test_days)
    ctx = Context(ds=DS, home=home, settings=settings)
    world = World(settings.world)
    write = Writer(ctx, world)
    favourite = np.argsort(np.argsort(-np.bincount(world.favourite, minlength=6)))[world.favourite]
    segment = np.minimum(favourite, segments_of - 1)
    names = [f"s{number}" for number in range(segments_of)]
    cut = ctx.cut
    write.facts()
    write.behaviour([cut + timedelta(days=n) for n in range(test_days + 1)], segment)
    write.segments([cut, DS], names, segment)
    new = np.flatnonzero(world.items.held_out)[:items_painted]
    top = np.argsort(-np.where(world.items.held_out, 0, world.items.popularity))[:items_painted]
    published = write.painted(names, segment, {"publish": (DS, new), "evaluate": (cut, top)})
    write.log([cut + timedelta(days=n + 1) for n in range(test_days)], published if played else None)
    write.table("runs", [write.run(name, 3.0 + 2 * n) for n, name in enumerate(("ingest", "features", "generate"))])
    scorer = TrueScorer(world)
    return Night(ctx=ctx, encoder_id=ENCODER, scorer_of=lambda day: scorer)


class Writer:
    def __init__(self, ctx, world):
        self.ctx, self.world = ctx, world
        self.styles = {}

    def table(self, name, rows):
        spec = TABLES[name]
        data = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows, schema=spec.schema)
        write_deltalake(f"{self.ctx.home}/lake/{name}", data, partition_by=list(spec.partition_by), mode="append")

    def facts(self):
        world = self.world
        self.table("items", item_rows(world))
        rows = []
        for row in cover_rows(world).to_pylist():
            data = row.pop("data")
            assert self.ctx.images.put(data) == row["cover_id"]
            rows.append(self.cover(row["cover_id"], row["item_id"], is_default=row["is_default"], size=len(data)))
        self.table("covers", rows)
        drawn = {
            str(world.items.cover_ids[item, family]): np.eye(STYLE_DIM, dtype=np.float32)[family]
            for item, family in zip(*np.nonzero(world.items.covers), strict=True)
        }
        self.vectors(drawn)

    def cover(self, cover_id, item_id, *, is_default=False, size=10, source="original", unit=None):
        created = self.world.items.created_at[0]
        return {
            "cover_id": cover_id,
            "item_id": item_id,
            "source": source,
            "is_default": is_default,
            "uri": f"{cover_id[:2]}/{cover_id}",
            "mime": "image/webp",
            "width": 64,
            "height": 64,
            "bytes": size,
            "unit_id": unit,
            "created_at": created,
        }

    def vectors(self, styles):
        embedding = np.zeros(EMBED_DIM, np.float32)
        embedding[0] = 1.0
        self.table(
            "cover_features",
            [
                {"cover_id": name, "encoder_id": ENCODER, "embedding": embedding, "style": style}
                for name, style in styles.items()
            ],
        )

    def behaviour(self, days, segment):
        world = self.world
        for day in days:
            counts = {column: 0.05 if column.startswith("ctr") else 30 for column in COUNT_COLUMNS}
            self.table(
                "user_features",
                [
                    {
                        "ds": day.isoformat(),
                        "user_id": user,
                        **counts,
                        "recency_hours": 5.0,
                        "category_affinity": [("food-drink", 0.5)],
                        "pref_embedding": np.eye(EMBED_DIM, dtype=np.float32)[0],
                        "pref_style": np.pad(world.style_taste[n], (0, STYLE_DIM - 6)).astype(np.float32),
                    }
                    for n, user in enumerate(world.user_ids)
                ],
            )
            self.table(
                "item_features",
                [
                    {
                        "ds": day.isoformat(),
                        "item_id": item,
                        **(dict.fromkeys(COUNT_COLUMNS, 0) if new else counts),
                        "ctr_debiased": 0.05,
                        "age_days": 0.0 if new else 30.0,
                    }
                    for item, new in zip(world.items.item_ids, world.items.held_out, strict=True)
                ],
            )

    def segments(self, days, names, segment):
        world = self.world
        for day in days:
            ds = {"ds": day.isoformat()}
            self.table(
                "user_segments",
                [
                    {**ds, "user_id": user, "segment_id": names[segment[n]], "distance": 0.1}
                    for n, user in enumerate(world.user_ids)
                ],
            )
            self.table(
                "segments",
                [
                    {
                        **ds,
                        "segment_id": name,
                        "size": int((segment == n).sum()),
                        "pref_embedding": np.eye(EMBED_DIM, dtype=np.float32)[0],
                        "pref_style": np.eye(STYLE_DIM, dtype=np.float32)[n],
                        "exemplar_users": world.user_ids[:3],
                        "exemplar_covers": self.exemplars(segment == n),
                        "top_categories": ["food-drink", "animals-nature", "objects"],
                    }
                    for n, name in enumerate(names)
                ],
            )

    def exemplars(self, members, count=8):
        world = self.world
        family = int(world.style_taste[members].mean(axis=0).argmax())
        items = np.flatnonzero(world.items.covers[:, family] & ~world.items.held_out)[:: 1200 // count][:count]
        return [str(world.items.cover_ids[item, family]) for item in items]

    def painted(self, names, segment, plan):
        """Paint each purpose's items for every segment, and once for everybody; returns what is published."""
        world = self.world
        liked = [int(world.style_taste[segment == n].mean(axis=0).argmax()) for n in range(len(names))]
        impressions, covers, styles = [], [], {}
        for purpose, (as_of, items) in plan.items():
            for item in items:
                for name, family in [*zip(names, liked, strict=True), ("all", None)]:
                    kind = purpose if family is not None else "unpersonalised"
                    data = to_webp(blended(world, item, family))
                    cover = self.ctx.images.put(data)
                    drawn = family is not None and world.items.drawn[item, family]
                    styles[cover] = np.eye(STYLE_DIM, dtype=np.float32)[family if drawn else world.items.default[item]]
                    unit = sha256(f"{purpose}{item}{name}".encode()).hexdigest()
                    code = world.items.item_ids[item]
                    if purpose == "publish" and family is not None:
                        self.beside(impressions, as_of, item, name, family)
                    covers.append(self.cover(cover, code, size=len(data), source="generated", unit=unit))
                    impressions += [
                        self.candidate(kind, as_of, code, name, cover, unit, selected=number == 0)
                        for number in range(2)
                    ]
        self.table("covers", covers)
        self.vectors(styles)
        self.table("generated_covers", impressions)
        published = [
            {
                "ds": DS.isoformat(),
                "item_id": row["item_id"],
                "segment_id": row["segment_id"],
                "cover_id": row["cover_id"],
                "unit_id": row["unit_id"],
                "decision_id": "d",
            }
            for row in impressions
            if row["purpose"] == "publish" and row["selected"]
        ]
        self.table("published_covers", published)
        decided = {"ds": DS.isoformat(), "decision": "approve", "reason": "within limits", "by": "policy default-1"}
        self.table(
            "cover_decisions",
            [
                {
                    **decided,
                    "decision_id": row["unit_id"],
                    "cover_id": row["cover_id"],
                    "unit_id": row["unit_id"],
                    "decided_at": world.items.created_at[0],
                }
                for row in published
            ],
        )
        return pa.Table.from_pylist(published, schema=TABLES["published_covers"].schema)

    def beside(self, impressions, as_of, item, name, family):
        """The method ``icg`` goes less far than ``profile``."""
        cover = self.ctx.images.put(to_webp(blended(self.world, item, family, share=0.4)))
        unit = sha256(f"beside{item}{name}".encode()).hexdigest()
        code = self.world.items.item_ids[item]
        row = self.candidate("beside", as_of, code, name, cover, unit, selected=True)
        impressions.append({**row, "method": "icg"})

    def candidate(self, purpose, as_of, item_id, segment_id, cover, unit, *, selected):
        rng = np.random.default_rng(int(unit[:8], 16) + selected)
        rewards = {"personal": 0.05 + 0.03 * rng.random(), "relevance": 0.7 + 0.2 * rng.random(), "nsfw": 0.01}
        return {
            "ds": DS.isoformat(),
            "cover_id": cover,
            "unit_id": unit,
            "purpose": purpose,
            "as_of": as_of.isoformat(),
            "item_id": item_id,
            "segment_id": segment_id,
            "method": "profile",
            "candidate": 0 if selected else 1,
            "seed": 1,
            "rewards": list(rewards.items()),
            "score": 0.5,
            "selected": selected,
            "generator": "test",
        }

    def log(self, days, published):
        world = self.world
        for day in days:
            self.impressions(day, day_block(world, day, 0))
        if published is None:
            return
        members = self.ctx.lake.read("user_segments", ds=DS, columns=["user_id", "segment_id"])

        def looks(cover_ids, item_ids):
            styles = {row["cover_id"]: row["style"] for row in self.ctx.lake.read("cover_features").to_pylist()}
            probabilities = np.array([styles[cover][:6] for cover in cover_ids], np.float64)
            return probabilities, np.full(len(cover_ids), 0.9)

        campaign = build_campaign(world, published, members, looks)
        day = DS + timedelta(days=1)
        self.impressions(day, day_block(world, day, 0, campaign=campaign))

    def impressions(self, day, table):
        spec = TABLES["impressions"]
        dated = table.append_column(spec.schema.field("ds"), pa.array([day.isoformat()] * len(table)))
        self.table("impressions", dated.select(spec.schema.names).cast(spec.schema))

    def run(self, stage, seconds):
        return {
            "ds": DS.isoformat(),
            "stage": stage,
            "status": "done",
            "fingerprint": "f",
            "config_hash": "h",
            "config": "{}",
            "code_version": "c",
            "tables_read": [],
            "tables_written": [],
            "rows": [],
            "metrics": [],
            "seconds": seconds,
        }
