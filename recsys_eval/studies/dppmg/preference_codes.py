"""What DPPMG's codes are: ``coverlift study preference-codes``.

For every first code of the look of covers, who holds it and the covers that stand nearest to it, as a picture; for
every first code of words, the strings. Before them, for the users of a split: how much of a level's codes is used, and
how well preferences and codes rank what was clicked (GAUC), beside the night's own preference vectors. Codes that fewer
users hold than ``--least`` are not shown.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from generation.personalization.dppmg.graph import MODALITIES, VISUAL
from generation.personalization.dppmg.preferences import Preferences, read_preferences
from generation.personalization.dppmg.tokens import shown_texts, weights_of
from generation.personalization.dppmg.train_preferences import Data, figures
from generation.pictures import to_pixels
from jobs.lake.arrays import Ints, Pixels
from jobs.lake.context import Context

SHOWN = 6
"""Covers, or strings, of a code."""
SIZE, MARGIN, NAME = 64, 6, 150


@dataclass(frozen=True, kw_only=True)
class PreferenceCodes:
    """Options of :func:`preference_codes`."""

    split: Literal["validation", "held_out"] = "validation"
    """Whose users are asked about."""
    least: int = 20
    """Users that must hold a code for it to be shown."""
    out: Path = Path("var/preference-codes.webp")
    """Picture to write."""
    threads: int = 1
    """CPU threads."""


def nearest(nodes: Tensor, code: Tensor, group: list[str], shown: int = SHOWN) -> list[int]:
    """Places of the nodes nearest to a code's vector by cosine, one of each group, the nearest first.

    Parameters
    ----------
    nodes
        (N, D) in the space that is quantised, centred.
    code
        (D,)
    group
        (N,) of which one node each is shown.
    shown
        How many.

    Examples
    --------
    >>> nearest(torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), torch.tensor([2.0, 0.0]), ["a", "a", "b"])
    [0, 2]
    """
    near = (F.normalize(nodes, dim=1) @ F.normalize(code, dim=0)).numpy()
    found: dict[str, int] = {}
    for place in np.argsort(-near, kind="stable"):
        found.setdefault(group[place], int(place))
        if len(found) == shown:
            break
    return list(found.values())


@torch.no_grad()
def codes_of(data: Data, preferences: Preferences) -> tuple[Ints, Tensor]:
    """(U, levels) codes of users with clicks, -1 of others; and the nodes in the space that is quantised."""
    features = torch.from_numpy(data.features)
    codes = preferences.quantiser.codes(preferences.propagation(data.graph, features))
    codes[data.graph.clicked == 0] = -1
    nodes = preferences.propagation.nodes(features) @ preferences.quantiser.directions()
    return codes, nodes - nodes.mean(0)


def page(rows: list[tuple[str, list[Pixels]]]) -> Image.Image:
    """Names at the left, pictures beside them."""
    step = SIZE + MARGIN
    sheet = Image.new("RGB", (NAME + SHOWN * step, len(rows) * step), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (name, pictures) in enumerate(rows):
        draw.text((MARGIN, place * step + SIZE // 2 - MARGIN), name, fill="black")
        for column, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (NAME + column * step, place * step + MARGIN // 2))
    return sheet


def preference_codes(ctx: Context, options: PreferenceCodes) -> None:
    """Print the figures and the strings, and write the picture."""
    torch.set_num_threads(options.threads)
    covers = {row["cover_id"]: row for row in ctx.lake.read("covers", columns=["cover_id", "item_id"]).to_pylist()}
    for modality in MODALITIES:
        preferences, data = read_preferences(weights_of(ctx.settings), modality), Data.read(ctx, modality)
        print(f"{modality}, {options.split} users on {ctx.ds}")
        for name, value in figures(data, preferences.propagation, preferences.quantiser, options.split).items():
            print(f"  {name}: {_told(value)}", flush=True)
        codes, nodes = codes_of(data, preferences)
        books = preferences.quantiser.codebooks[0]
        holders = [int((codes[:, 0] == code).sum()) for code in range(len(books))]
        shown = [code for code, number in enumerate(holders) if number >= options.least]
        names, texts = data.graph.nodes, {} if modality == VISUAL else shown_texts(ctx.lake, ctx.ds)
        group = [covers[name]["item_id"] if modality == VISUAL else texts[name] for name in names]
        rows = [(f"code {code}: {holders[code]} users", nearest(nodes, books[code], group)) for code in shown]
        if modality == VISUAL:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            pictures = [(name, [to_pixels(ctx.images.get(names[place])) for place in near]) for name, near in rows]
            page(pictures).save(options.out, quality=80)
            print(options.out)
            continue
        for name, near in rows:
            print(f"  {name}: {' | '.join(texts[names[place]] for place in near)}")


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(each)}" for name, each in value.items())
    if isinstance(value, tuple):
        return f"{value[0]:.4f} +- {value[1]:.4f}"
    return ", ".join(f"{each:.2f}" for each in value) if isinstance(value, list) else str(value)
