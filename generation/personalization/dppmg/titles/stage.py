"""Stage ``titles``: words groups of the night's users, and titles of the night's items for each of them.

No part of a night with ``policy.titles=off``, which is the default. Titles are written for the items that covers were
painted for, so that cover and title can be looked at together; a title is for a words group and a
cover for a segment, and a user sees their cover with their title.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from generation.personalization.dppmg.titles.checkpoint import SHIPPED, load_writer, writer_fingerprint
from generation.personalization.dppmg.titles.choosing import Written, write_titles
from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.groups import group_name, group_parts, members
from generation.personalization.dppmg.titles.material import Material, read_material
from jobs.lake.context import Context, StageResult
from jobs.lake.schema.columns import SHOWN_PURPOSES
from jobs.lake.schema.titles import GENERATED_TITLES, USER_WORD_GROUPS, WORD_GROUPS


def run(ctx: Context) -> StageResult:
    """Write, check and choose titles, and store all of them.

    Raises
    ------
    UsageError
        The items have no labels by language, or the writer's folder is not whole.
    """
    folder = folder_of(ctx)
    fingerprint, (writer, codes) = writer_fingerprint(folder), load_writer(folder)
    material = read_material(ctx, codes)
    contents = planned(ctx, material.content)
    readers = shown_groups(ctx, material)
    rows: list[dict[str, Any]] = []
    passed = plain = 0
    for done, content in enumerate(contents):
        groups = [group for group in readers if group_parts(group)[0] in content.labels]
        ctx.progress(done, len(contents), "items")
        (written,) = write_titles(
            writer,
            material.reward,
            [content],
            groups,
            samples=ctx.settings.titles.samples,
            seed=item_seed(ctx, content),
        )
        passed += sum(one.first_passed for one in written)
        plain += sum(one.chosen is None for one in written)
        rows += [row for group, one in zip(groups, written, strict=True) for row in title_rows(content, group, one)]
    store(ctx, readers, material, rows, fingerprint)
    asked = max(len({(row["item_id"], row["group_id"]) for row in rows}), 1)
    return StageResult(
        rows={"generated_titles": len(rows), "word_groups": len(readers)},
        metrics={"first_passed": passed / asked, "plain": plain / asked},
        note=f"{len(contents)} items for {len(readers)} words groups; {passed / asked:.1%} of first titles pass their "
        f"checks, {plain} times the plain title stays",
    )


def watched(ctx: Context) -> str:
    """What the stage depends on beside code and settings: the writer's weights."""
    return writer_fingerprint(folder_of(ctx))


def folder_of(ctx: Context) -> Path:
    """The writer's folder."""
    return Path(ctx.settings.titles.writer) if ctx.settings.titles.writer else SHIPPED


def planned(ctx: Context, content: dict[str, TitleContent]) -> list[TitleContent]:
    """Contents of the items that the night paints covers for, by id."""
    wanted = ctx.lake.read(
        "generation_plan", ds=ctx.ds, columns=["item_id"], filters=[("purpose", "in", list(SHOWN_PURPOSES))]
    )
    return [content[item] for item in sorted(set(wanted["item_id"].to_pylist())) if item in content]


def shown_groups(ctx: Context, material: Material) -> dict[str, list[str]]:
    """Users by words group; a group under the privacy floor gives its users to everybody of their language.

    Users without a click, of whom nothing is told, are a group however few they are.
    """
    found: dict[str, list[str]] = {}
    for group, users in members(material.tastes.users, material.groups).items():
        language, code = group_parts(group)
        small = code >= 0 and len(users) < ctx.settings.features.segment_min_size
        found.setdefault(group_name(language, -1) if small else group, []).extend(users)
    return dict(sorted(found.items()))


def item_seed(ctx: Context, content: TitleContent) -> int:
    """Of an item's samples: the same whichever items are written beside it."""
    digest = hashlib.sha256(f"{ctx.settings.titles.seed}|{content.item_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def title_unit(item_id: str, group_id: str) -> str:
    """SHA-256 of what a title is written for: an item and a group."""
    return hashlib.sha256(f"title|{item_id}|{group_id}".encode()).hexdigest()


def title_rows(content: TitleContent, group: str, written: Written) -> list[dict[str, Any]]:
    """Rows of generated_titles of one item and group, without ds and writer."""
    rows = []
    for number, (title, judged) in enumerate(zip(written.candidates, written.judged, strict=True)):
        text_hash = hashlib.sha256(title.encode()).hexdigest()
        rows.append(
            {
                "item_id": content.item_id,
                "group_id": group,
                "candidate": number,
                "text_hash": text_hash,
                "title": title,
                "unit_id": title_unit(content.item_id, group),
                "personal": judged.personal,
                "failed": list(judged.failed),
                "selected": number == written.chosen,
            }
        )
    return rows


def store(
    ctx: Context,
    readers: dict[str, list[str]],
    material: Material,
    rows: Sequence[dict[str, Any]],
    fingerprint: str,
) -> None:
    """Replace the night's rows of the three tables, groups first."""
    ds = ctx.ds.isoformat()
    place = {user: number for number, user in enumerate(material.tastes.users)}
    groups = []
    for group, users in readers.items():
        language, code = group_parts(group)
        taste = np.mean(material.tastes.taste[[place[user] for user in users]], axis=0)
        groups.append(
            {
                "ds": ds,
                "group_id": group,
                "language": language,
                "code": code,
                "size": len(users),
                "likes_words": float(taste[0]),
                "likes_phrase": float(taste[1]),
                "writer": fingerprint,
            }
        )
    of_users = [{"ds": ds, "user_id": user, "group_id": group} for group, users in readers.items() for user in users]
    written = [{"ds": ds, "writer": fingerprint, **row} for row in rows]
    for table, spec, told in (
        ("word_groups", WORD_GROUPS, groups),
        ("user_word_groups", USER_WORD_GROUPS, of_users),
        ("generated_titles", GENERATED_TITLES, written),
    ):
        ctx.lake.replace(pa.Table.from_pylist(told, schema=spec.schema), table, ds=ctx.ds)
