"""Near-duplicates among a night's selected covers: pairs and stacks at each least cosine, and a sheet to look at.

``python -m benchmarks.near_duplicates HOME DS pairs.png`` reads the lake, no desk. The sheet has pairs, the
most alike first.
"""

import io
import sys
from collections import namedtuple
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from conf.settings import Settings
from generation.catalogue import CoverVectors
from generation.review.web.alike.similar import Lookalikes, unit_vectors
from generation.review.web.alike.stacks import near_pairs, stacked
from jobs.lake.context import Context
from jobs.lake.schema.columns import SHOWN_PURPOSES

LEASTS = (0.8, 0.85, 0.9, 0.92, 0.95)
COLUMNS, CELL = 8, (150, 100)
Cover = namedtuple("Cover", "id cover_id item_id ask")


def covers_of(ctx: Context) -> list[Cover]:
    """Selected covers that may be shown, as the plan ranks them: most to be gained first."""
    ds = ctx.ds.isoformat()
    shown = [("purpose", "in", list(SHOWN_PURPOSES)), ("as_of", "==", ds), ("selected", "==", True)]
    rows = ctx.lake.read("generated_covers", ds=ds, filters=shown).to_pylist()
    ranks = ctx.lake.read("generation_plan", ds=ds, columns=["unit_id", "rank"]).to_pylist()
    order = {row["unit_id"]: row["rank"] for row in ranks}
    decided = ctx.lake.read("cover_decisions", ds=ds, columns=["unit_id", "decision"]).to_pylist()
    asks = {row["unit_id"] for row in decided if row["decision"] == "ask"}
    rows.sort(key=lambda row: order[row["unit_id"]])
    return [Cover(n, row["cover_id"], row["item_id"], row["unit_id"] in asks) for n, row in enumerate(rows)]


def main(home: str, ds: str, sheet: str) -> None:
    """Print the table and write the sheet."""
    ctx = Context(ds=date.fromisoformat(ds), home=Path(home), settings=Settings())
    covers = covers_of(ctx)
    item = {cover.cover_id: cover.item_id for cover in covers}
    known = CoverVectors.read(ctx.lake, Lookalikes(ctx.lake).encoder(), item)
    names, vectors = list(known.rows), [known.embeddings, known.styles]
    print(
        f"{len(covers)} covers of {len(set(item.values()))} items, {sum(cover.ask for cover in covers)} left to people"
    )
    print(
        "least | pairs of one item, of two | by what they show alone | stacks, of several items, tiles | tiles of "
        "what is left to people"
    )
    for least in LEASTS:
        near, loose = near_pairs(names, vectors, least), near_pairs(names, vectors[:1], least)
        pairs = [{(a, b) for a, others in found.items() for b in others if a < b} for found in (near, loose)]
        one, lone = (sum(item[a] == item[b] for a, b in each) for each in pairs)
        stacks = stacked(covers, near)  # type: ignore[arg-type]
        big = [stack for stack in stacks if len(stack) > 1]
        mixed = sum(len({cover.item_id for cover in stack}) > 1 for stack in big)
        waits = stacked([cover for cover in covers if cover.ask], near)  # type: ignore[misc]
        print(
            f"{least} | {one}, {len(pairs[0]) - one} | {lone}, {len(pairs[1]) - lone} | {len(big)}, {mixed}, "
            f"{len(stacks)} | {len(waits)}"
        )
    draw(ctx, names, [unit_vectors(each) for each in vectors], item, Path(sheet))


def draw(
    ctx: Context, names: Sequence[str], vectors: Sequence[NDArray[np.float32]], item: dict[str, str], path: Path
) -> None:
    """The pairs over the lowest of :data:`LEASTS` that are of two items, and as many of one."""
    place = {name: number for number, name in enumerate(names)}
    near = near_pairs(names, vectors, LEASTS[0])
    cosine = {
        (a, b): min(float(each[place[a]] @ each[place[b]]) for each in vectors)
        for a, others in near.items() for b in others if a < b
    }  # fmt: skip
    ordered = sorted(cosine, key=lambda pair: -cosine[pair])
    two = [pair for pair in ordered if item[pair[0]] != item[pair[1]]]
    pairs = two + [pair for pair in ordered if item[pair[0]] == item[pair[1]]][: 5 * COLUMNS]
    sheet = Image.new("RGB", (COLUMNS * CELL[0], -(-len(pairs) // COLUMNS) * CELL[1]), "white")
    pen = ImageDraw.Draw(sheet)
    for number, pair in enumerate(pairs):
        left, top = number % COLUMNS * CELL[0], number // COLUMNS * CELL[1]
        for side, name in enumerate(pair):
            with Image.open(io.BytesIO(ctx.images.get(name))) as picture:
                sheet.paste(picture.convert("RGB").resize((64, 64)), (left + 4 + 70 * side, top + 4))
        pen.text((left + 4, top + 74), f"{cosine[pair]:.3f} {'of two items' if pair in two else ''}", fill="black")
    sheet.save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
