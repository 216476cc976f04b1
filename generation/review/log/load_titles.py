"""Titles that a night wrote, as the desk holds them: a case an item and group of readers, whose covers are texts."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import polars as pl
from sqlalchemy import Connection, insert, select

from generation.review.log.decisions import chunks
from generation.review.log.schema import REWARDS, TITLES, texts
from jobs.lake.context import Context
from jobs.lake.schema.columns import SHOWN_PURPOSES


@dataclass(frozen=True, kw_only=True)
class WrittenTitles:
    """What a night wrote."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    """Of ``cases``, each with its ``candidates``; where they wait is not said yet."""
    texts: list[dict[str, str]] = field(default_factory=list)
    """Of ``texts``."""
    facts: dict[str, Any] = field(default_factory=dict)
    """``groups``: language, size and tastes by group."""


def title_rows(ctx: Context, policy: pl.DataFrame) -> WrittenTitles:
    """Selected titles of a night with the others that passed their checks; nothing where none were written.

    Parameters
    ----------
    ctx
        The night.
    policy
        unit_id, cover_id, policy_decision and policy_reason: the policy's word about every text.
    """
    ds = ctx.ds.isoformat()
    if ds not in ctx.lake.partitions("generated_titles"):
        return WrittenTitles()
    found = ctx.lake.read("generated_titles", ds=ds).to_pylist()
    found.sort(key=lambda row: (row["item_id"], row["group_id"], row["candidate"]))
    groups = {row["group_id"]: row for row in ctx.lake.read("word_groups", ds=ds).to_pylist()}
    answers = {(row["unit_id"], row["cover_id"]): row for row in policy.to_dicts()}
    items, stakes = _items(ctx), _stakes(ctx, groups)
    rows: list[dict[str, Any]] = []
    words: dict[str, dict[str, str]] = {}
    for (item, group), some in groupby(found, key=lambda row: (row["item_id"], row["group_id"])):
        written = _in_order(some)
        if not written:
            continue  # the plain title stays
        language, chosen = groups[group]["language"], written[0]
        words |= {
            row["text_hash"]: {"text_hash": row["text_hash"], "text": row["title"], "language": language}
            for row in written
        }
        unit = {
            "ds": ds,
            "item_id": item,
            **items.get(item, {"title": item, "category": "", "words": "", "reference_cover_id": ""}),
            "prompt": language,
            "stake": stakes.get((item, group), 0.0),
            **_said(answers.get((chosen["unit_id"], chosen["text_hash"]))),
        }
        rows.append(unit | _case(written))
    about = {name: {key: row[key] for key in ("language", "size", "code")} for name, row in groups.items()}
    return WrittenTitles(rows=rows, texts=list(words.values()), facts={"groups": about})


def _in_order(some: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Texts that passed their checks, each once, the selected one first; none where none was selected."""
    passed: dict[str, dict[str, Any]] = {}
    for row in some:
        if not row["failed"] and (row["selected"] or row["text_hash"] not in passed):
            passed[row["text_hash"]] = row
    found = sorted(passed.values(), key=lambda row: (not row["selected"], row["candidate"]))
    return found if found and found[0]["selected"] else []


def _case(written: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Columns that follow from the texts of a unit."""
    chosen = written[0]
    return {
        "unit_id": chosen["unit_id"],
        "segment_id": chosen["group_id"],
        "method": TITLES,
        "generator": chosen["writer"],
        "selected_cover_id": chosen["text_hash"],
        **dict.fromkeys(REWARDS),
        "personal": chosen["personal"],
        "candidates": [
            {
                "number": number,
                "cover_id": row["text_hash"],
                "seed": str(row["candidate"]),
                "rewards": json.dumps({"personal": row["personal"]}),
            }
            for number, row in enumerate(written)
        ],
    }


def _said(answer: Mapping[str, Any] | None) -> dict[str, Any]:
    names = ("policy_decision", "policy_reason")
    return {name: answer[name] if answer else None for name in names}


def _items(ctx: Context) -> dict[str, dict[str, str]]:
    """Plain title, category, words and original by item; a NUL is no text."""
    table = ctx.lake.read("items", columns=["item_id", "title", "category", "tags"])
    planned = ctx.lake.read(
        "generation_plan",
        ds=ctx.ds,
        columns=["item_id", "reference_cover_id"],
        filters=[("purpose", "in", list(SHOWN_PURPOSES))],
    )
    originals = {row["item_id"]: row["reference_cover_id"] for row in planned.to_pylist()}
    return {
        row["item_id"]: {
            "title": str(row["title"] or "").replace("\x00", ""),
            "category": str(row["category"] or "").replace("\x00", ""),
            "words": ", ".join(row["tags"] or ()).replace("\x00", ""),
            "reference_cover_id": originals.get(row["item_id"], ""),
        }
        for row in table.to_pylist()
    }


def _stakes(ctx: Context, groups: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """Impressions a day that an item has from a group, if next week is like the last."""
    total = max(sum(group["size"] for group in groups.values()), 1)
    seen = ctx.lake.read("item_features", ds=ctx.ds, columns=["item_id", "impressions_7d"]).to_pylist()
    return {
        (row["item_id"], name): round((row["impressions_7d"] or 0) / 7 * group["size"] / total, 3)
        for row in seen
        for name, group in groups.items()
    }


def put_texts(connection: Connection, rows: list[dict[str, str]]) -> None:
    """Add the texts that are new."""
    for part in chunks(rows):
        among = texts.c.text_hash.in_([row["text_hash"] for row in part])
        known = set(connection.execute(select(texts.c.text_hash).where(among)).scalars())
        new = [row for row in part if row["text_hash"] not in known]
        if new:
            connection.execute(insert(texts), new)


def is_hash_of(text_hash: str, text: str) -> bool:
    """Whether a text is the one that its hash names."""
    return hashlib.sha256(text.encode()).hexdigest() == text_hash


def texts_of(connection: Connection, hashes: list[str]) -> dict[str, str]:
    """Texts by hash; one that is not what its hash says is left out."""
    found: dict[str, str] = {}
    for part in chunks(hashes):
        query = select(texts.c.text_hash, texts.c.text).where(texts.c.text_hash.in_(part))
        found |= {row.text_hash: row.text for row in connection.execute(query) if is_hash_of(row.text_hash, row.text)}
    return found
