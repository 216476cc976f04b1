"""What the next day shows to treated users: tonight's published covers, by item and segment."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from jobs.lake.arrays import Floats, Ints
from jobs.simulator.log.impressions import Campaign, TitleCampaign
from jobs.simulator.model import World
from jobs.stickers.pack import FAMILIES, LANGUAGES, Subject

Appearance: TypeAlias = Callable[[Sequence[str], Sequence[str]], tuple[Floats, Floats]]
"""(cover ids, item ids) of P painted covers -> (P, 6) style probabilities, (P,) similarity to the subject in [0, 1]."""


Readings: TypeAlias = Callable[[Sequence[Subject], Sequence[str], Sequence[int], Sequence[str]], tuple[Ints, Floats]]
"""(subjects, P titles, numbers of their subjects, languages) -> (P,) kinds, (P,) in [0, 1] how well each is told."""


def build_campaign(
    world: World,
    published: pa.Table,
    user_segments: pa.Table,
    appearance: Appearance,
    titles: TitleCampaign | None = None,
) -> Campaign:
    """Put tonight's published covers into the form that the log's generator reads.

    Parameters
    ----------
    world
        Its users and items give the numbers.
    published
        Rows of ``published_covers``: item_id, segment_id, cover_id.
    user_segments
        Rows of ``user_segments``: user_id, segment_id.
    appearance
        How painted covers look; called once, with every published pair of cover and item.
    titles
        Of :func:`build_titles`.

    Raises
    ------
    ValueError
        A row names an item or user of another world, or ``appearance`` answers in the wrong shape.
    """
    names = sorted(set(user_segments["segment_id"].to_pylist()) | set(published["segment_id"].to_pylist()))
    number = {name: place for place, name in enumerate(names)}
    segment = np.full(world.users.size, -1, dtype=np.int64)
    segment[world.user_index(user_segments["user_id"].to_pylist())] = [
        number[name] for name in user_segments["segment_id"].to_pylist()
    ]
    rows = published.select(["item_id", "segment_id", "cover_id"]).to_pylist()
    pairs = sorted({(row["cover_id"], row["item_id"]) for row in rows})
    place = {pair: order for order, pair in enumerate(pairs)}
    table = np.full((world.items.size, max(len(names), 1)), -1, dtype=np.int64)
    for row, item in zip(rows, world.item_index([row["item_id"] for row in rows]), strict=True):
        table[item, number[row["segment_id"]]] = place[row["cover_id"], row["item_id"]]
    covers, items = [cover for cover, _ in pairs], [item for _, item in pairs]
    style_probs, similarity = appearance(covers, items) if pairs else (np.zeros((0, len(FAMILIES))), np.zeros(0))
    if np.shape(style_probs) != (len(pairs), len(FAMILIES)) or np.shape(similarity) != (len(pairs),):
        raise ValueError(
            f"appearance gave shapes {np.shape(style_probs)} and {np.shape(similarity)} for {len(pairs)} covers: "
            f"expected ({len(pairs)}, {len(FAMILIES)}) and ({len(pairs)},)"
        )
    return Campaign(
        cover_ids=covers, style_probs=style_probs, similarity=similarity, table=table, segment=segment, titles=titles
    )


def build_titles(world: World, published: pa.Table, user_groups: pa.Table, readings: Readings) -> TitleCampaign | None:
    """Put tonight's published titles into the form that the log's generator reads; None without any.

    Parameters
    ----------
    world
        Its users and items give the numbers.
    published
        Rows of ``published_titles``: item_id, group_id, title.
    user_groups
        Rows of ``user_word_groups``: user_id, group_id; a group's id begins with its language.
    readings
        What readers see in written titles; called once.
    """
    if not published.num_rows:
        return None
    of_users, of_titles = user_groups["group_id"].to_pylist(), published["group_id"].to_pylist()
    names = sorted({*of_users, *of_titles})
    number = {name: place for place, name in enumerate(names)}
    group = np.full(world.users.size, -1, dtype=np.int64)
    group[world.user_index(user_groups["user_id"].to_pylist())] = [number[name] for name in of_users]
    texts, items = published["title"].to_pylist(), world.item_index(published["item_id"].to_pylist())
    languages = [name.rpartition(":")[0] for name in of_titles]
    kind, understood = readings(world.items.pack.subjects, texts, items.tolist(), languages)
    table = np.full((world.items.size, len(names)), -1, dtype=np.int64)
    table[items, [number[name] for name in of_titles]] = np.arange(len(texts))
    return TitleCampaign(
        texts=texts,
        kind=kind,
        understood=understood,
        language=np.array([LANGUAGES.index(one) if one in LANGUAGES else -1 for one in languages], np.int64),
        table=table,
        group=group,
    )
