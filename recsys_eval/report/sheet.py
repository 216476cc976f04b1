"""A sample sheet as one picture: items down, their original and what each segment was painted across.

``coverlift study sheet`` writes it for a night. Beside each painted
cover stand what other methods painted, if any did, and the real drawing in the segment's favourite
style, where the world has one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from jobs.lake.arrays import Pixels
from jobs.lake.context import Context
from jobs.lake.pictures import flattened, opened
from recsys_eval.report.gallery import Gallery, GalleryItem, load_gallery

TILE, GAP, LEFT, TOP = 96, 10, 150, 64
"""Pixels: a picture's side, the space between pictures, and the margins that labels take."""
INK, MUTED, PAPER, TRUE_PAPER = "#1f2328", "#626870", "#ffffff", "#f1efe8"
NAME_LENGTH = 22


def draw_sheet(gallery: Gallery, *, with_truth: bool = True) -> Image.Image:
    """Sheet of all items and segments of a gallery.

    Parameters
    ----------
    gallery
        What was published.
    with_truth
        Also show real drawings, beside each painted cover and on a darker ground.

    Returns
    -------
    Image
        RGB; one row per item.

    Raises
    ------
    ValueError
        The gallery has no item.
    """
    if not gallery.items:
        raise ValueError("the gallery has no item: publish covers first (`coverlift publish`)")
    shown = [s for s in gallery.segments if any(s.segment_id in item.painted for item in gallery.items)]
    others = sorted({name for item in gallery.items for name in item.beside})
    kinds = ["painted", *others, *(["real"] if with_truth and any(item.truth for item in gallery.items) else [])]
    cell = len(kinds) * TILE + GAP
    size = (LEFT + TILE + 2 * GAP + cell * len(shown) + GAP, TOP + (TILE + GAP) * len(gallery.items) + GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    draw.text((LEFT + TILE / 2, 18), "original", INK, font, anchor="ma")
    for column, segment in enumerate(shown):
        x = LEFT + TILE + 2 * GAP + column * cell
        draw.text((x + (cell - GAP) / 2, 10), segment.segment_id, INK, font, anchor="ma")
        draw.text((x + (cell - GAP) / 2, 28), segment.favourite or "", MUTED, small, anchor="ma")
        for place, kind in enumerate(kinds if len(kinds) > 1 else []):
            draw.text((x + TILE * (place + 0.5), 44), kind, MUTED, small, anchor="ma")
    for row, item in enumerate(gallery.items):
        _draw_item(sheet, draw, item, [s.segment_id for s in shown], kinds, TOP + row * (TILE + GAP))
    return sheet


def sheet_of_arms(
    titles: Sequence[str], originals: Pixels, segments: Sequence[str], arms: Mapping[str, Pixels]
) -> Image.Image:
    """What several arms painted of the same items for the same segments: a row an arm, under each item.

    Parameters
    ----------
    titles, originals
        Of the items; (I or more, 64, 64, 3) uint8.
    segments
        Names of the columns.
    arms
        Name to (I, S, 64, 64, 3) uint8.
    """
    items = len(next(iter(arms.values())))
    step = TILE + GAP // 2
    size = (LEFT + step * (1 + len(segments)) + GAP, TOP + items * (step * len(arms) + GAP))
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(14), ImageFont.load_default(11)
    for column, name in enumerate(["original", *segments]):
        draw.text((LEFT + column * step + TILE / 2, 28), name, INK, font, anchor="ma")
    for item in range(items):
        top = TOP + item * (step * len(arms) + GAP)
        draw.text((GAP, top + 8), titles[item][:NAME_LENGTH], INK, font)
        sheet.paste(_enlarged(Image.fromarray(originals[item])), (LEFT, top))
        for row, (arm, pictures) in enumerate(arms.items()):
            y = top + row * step
            draw.text((GAP, y + TILE / 2), arm, MUTED, small, anchor="lm")
            for column in range(len(segments)):
                sheet.paste(_enlarged(Image.fromarray(pictures[item, column])), (LEFT + (column + 1) * step, y))
    return sheet


def _enlarged(picture: Image.Image) -> Image.Image:
    """All of a picture, in the middle of a tile."""
    return ImageOps.pad(picture, (TILE, TILE), Image.Resampling.LANCZOS, color=PAPER)


def _draw_item(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, item: GalleryItem, segments: list[str], kinds: list[str], y: int
) -> None:
    font, small = ImageFont.load_default(13), ImageFont.load_default(11)
    name = item.title if len(item.title) <= NAME_LENGTH else item.title[: NAME_LENGTH - 1] + "…"
    draw.text((GAP, y + TILE / 2 - 10), name, INK, font, anchor="lm")
    draw.text((GAP, y + TILE / 2 + 8), item.original_style or item.category, MUTED, small, anchor="lm")
    sheet.paste(_tile(item.original), (LEFT, y))
    pictures = {**item.beside, "painted": item.painted, "real": item.truth}
    cell = len(kinds) * TILE + GAP
    for column, segment in enumerate(segments):
        for place, kind in enumerate(kinds):
            x = LEFT + TILE + 2 * GAP + column * cell + place * TILE
            if kind == "real":
                draw.rectangle((x, y, x + TILE - 1, y + TILE - 1), fill=TRUE_PAPER)
            found = pictures.get(kind, {}).get(segment)
            if found is not None:
                sheet.paste(_tile(found), (x, y))
            elif kind != "real":
                draw.text((x + TILE / 2, y + TILE / 2), "as it is", MUTED, small, anchor="mm")


def _tile(picture: bytes) -> Image.Image:
    return _enlarged(Image.fromarray(flattened(opened(picture))))


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Options of :func:`sheet`."""

    out: Path = Path("sheet.png")
    """Picture to write: .png, .webp or another that Pillow knows."""
    items: int = 12
    """Rows."""
    without_truth: bool = False
    """Leave out the real drawings beside painted covers."""


def sheet(ctx: Context, options: Sheet) -> None:
    """Write the sample sheet of a night."""
    draw_sheet(load_gallery(ctx, count=options.items), with_truth=not options.without_truth).save(options.out)
    print(options.out)
