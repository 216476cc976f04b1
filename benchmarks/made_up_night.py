"""A night of made-up covers for the reviewers' desk: any number of units, with or without pictures."""

import hashlib
import io
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image, ImageDraw
from sqlalchemy import insert, update

from conf.review import ReviewSettings
from generation.review.log.answers.case_state import Unit, settle
from generation.review.log.database import Database
from generation.review.log.decisions import columns_of
from generation.review.log.load import facts_of, put, settled, share_of
from generation.review.log.load_titles import put_texts
from generation.review.log.schema import REWARDS, TITLES, nights
from jobs.lake.images import ImageStore

DS = "2026-03-29"
CATEGORIES = ("animals-nature", "food-drink", "objects", "symbols", "travel-places", "people-body", "activities")
WORDS = ("red", "old", "fox", "pizza", "rocket", "snail", "lemon", "boat", "violin", "castle", "robot", "rain", "moon")
METHODS = ("profile", "icg", "pigeon")


def sha(*parts: object) -> str:
    """A made-up id of 64 hex digits."""
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def drawn(number: int, of: int = 0, *, side: int = 64) -> bytes:
    """A PNG that differs for every number, ``side`` pixels wide and high."""
    chance, scale = random.Random(f"{number}-{of}"), side / 64
    picture = Image.new("RGB", (side, side), tuple(chance.randrange(256) for _ in range(3)))
    pen = ImageDraw.Draw(picture)
    for _ in range(4):
        x, y = (chance.randrange(48) * scale for _ in range(2))
        pen.ellipse([x, y, x + 16 * scale, y + 16 * scale], fill=tuple(chance.randrange(256) for _ in range(3)))
    pen.text((4 * scale, 4 * scale), str(number), fill=(255, 255, 255), font_size=10 * scale)
    with io.BytesIO() as stream:
        picture.save(stream, "PNG")
        return stream.getvalue()


def units(
    number: int,
    *,
    ds: str = DS,
    candidates: int = 2,
    policy: str | None = "ask",
    double_share: float = 0.0,
    sample_share: float = 0.0,
    images: ImageStore | None = None,
    titles: list[str] | None = None,
    side: int = 64,
) -> Iterator[dict[str, Any]]:
    """Rows for :func:`generation.review.log.load.put`, one per unit.

    Parameters
    ----------
    number
        Units.
    ds
        Their night.
    candidates
        Of each unit.
    policy
        What the policy said about each; None mixes all answers.
    double_share, sample_share
        As in the settings of the desk.
    images
        Where pictures are put; None makes ids without pictures.
    titles
        Taken in turn; None makes some up.
    side
        Of the pictures, in pixels.
    """
    chance = random.Random(7)
    for place in range(number):
        unit_id, item = sha(ds, "unit", place), f"item-{place // 4:06d}"
        covers = [
            images.put(drawn(place, each + 1, side=side)) if images else sha(unit_id, each)
            for each in range(max(candidates, 1))
        ]
        answer = policy or chance.choice(("approve", "approve", "approve", "reject", "ask"))
        sampled = answer == "approve" and share_of(unit_id, "sample") < sample_share
        doubled = share_of(unit_id, "double") < double_share
        rewards = {name: round(chance.random(), 4) for name in ("personal", "relevance", "aesthetic", "nsfw", "score")}
        title = titles[place % len(titles)] if titles else f"{chance.choice(WORDS)} {chance.choice(WORDS)} {place}"
        row = {
            "ds": ds,
            "unit_id": unit_id,
            "item_id": item,
            "title": title,
            "category": CATEGORIES[place // 4 % len(CATEGORIES)],
            "segment_id": f"s{place % 8}",
            "method": METHODS[place % len(METHODS)],
            "prompt": title,
            "generator": "made-up",
            "reference_cover_id": images.put(drawn(place, side=side)) if images else sha(unit_id, "original"),
            "selected_cover_id": covers[0],
            "stake": round(1000 * chance.paretovariate(1.2), 3),
            **rewards,
            "policy_decision": answer,
            "policy_reason": f"rule-{answer}: made up",
            "sampled": int(sampled),
            "doubled": int(doubled),
            "last_entry": 0,
        }
        row |= columns_of(settle(Unit(selected=covers[0], policy=answer, sampled=sampled, doubled=doubled), []), row)
        row["candidates"] = [
            {"number": each, "cover_id": cover, "seed": str(each), "rewards": json.dumps(rewards)}
            for each, cover in enumerate(covers)
        ]
        yield row


def fill(
    database: Database,
    number: int,
    *,
    ds: str = DS,
    images: ImageStore | None = None,
    max_nsfw: float = 1.0,
    **more: Any,
) -> None:
    """Put a made-up night into a desk's database; ``more`` is that of :func:`units`."""
    rows = list(units(number, ds=ds, images=images, **more))
    with database.writing(alone=True) as connection:
        put(connection, ds, rows)
    put_facts(database, ds, [images.put(drawn(place, 99)) for place in range(3)] if images else [], max_nsfw)


def fill_titles(database: Database, items: int, *, ds: str = DS, policy: str = "ask") -> None:
    """Put made-up titles beside a made-up night: three texts for readers of each of two languages, for some items."""
    rows, written = [], []
    for place in range(items):
        for group, language, opening in (("en:0", "en", "Look:"), ("de:1", "de", "Schau mal:")):
            said = [f"{opening} thing {place}{mark}" for mark in ("!", ", again", " <b>now</b>")]
            hashes = [hashlib.sha256(text.encode()).hexdigest() for text in said]
            written += [
                {"text_hash": name, "text": text, "language": language} for name, text in zip(hashes, said, strict=True)
            ]
            row = {
                "ds": ds,
                "unit_id": sha(ds, "title", place, group),
                "item_id": f"item-{place:06d}",
                "title": f"thing {place}",
                "words": "thing",
                "category": CATEGORIES[place % len(CATEGORIES)],
                "segment_id": group,
                "method": TITLES,
                "prompt": language,
                "generator": "made-up",
                "reference_cover_id": "",
                "selected_cover_id": hashes[0],
                "stake": float(items - place),
                **dict.fromkeys(REWARDS),
                "personal": 0.5,
                "policy_decision": policy,
                "policy_reason": "titles: made up",
                "candidates": [
                    {"number": each, "cover_id": name, "seed": str(each), "rewards": json.dumps({"personal": 0.5})}
                    for each, name in enumerate(hashes)
                ],
            }
            rows.append(settled(row, ReviewSettings(sample_share=0.0, double_share=0.0)))
    groups = {group: {"language": group[:2], "size": 40, "code": int(group[-1])} for group in ("de:1", "en:0")}
    with database.writing(alone=True) as connection:
        put_texts(connection, written)
        put(connection, ds, rows)
        facts = json.dumps(facts_of(connection, ds) | {"groups": groups})
        connection.execute(update(nights).where(nights.c.ds == ds).values(facts=facts))


def put_facts(database: Database, ds: str, exemplars: Sequence[str] = (), max_nsfw: float = 1.0) -> None:
    """What the pages say about a made-up night; its safety scores are random, so that by itself it has no limit."""
    people = {"size": 120, "exemplar_covers": list(exemplars), "top_categories": ["food-drink", "objects"]}
    scale = [place / 100 for place in range(101)]
    facts = {
        "segments": {f"s{place}": {"segment_id": f"s{place}", **people} for place in range(8)},
        "scales": dict.fromkeys(("personal", "relevance", "aesthetic", "nsfw"), scale),
        "runs": {},
        "max_nsfw": max_nsfw,
        "segment_id": [f"s{place}" for place in range(8)],
        "category": sorted(CATEGORIES),
        "method": sorted(METHODS),
        "rules": ["rule-approve", "rule-ask", "rule-reject"],
    }
    with database.writing(alone=True) as connection:
        connection.execute(insert(nights), [{"ds": ds, "loaded": "made up", "facts": json.dumps(facts)}])
