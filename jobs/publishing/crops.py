"""Crops of published covers for the places of a feed: made once, around what draws the eye.

The part of a picture that stays is libvips' *attention*: edges, saturated colours and skin tones say what people look
at (https://www.libvips.org/API/current/libvips-conversion.html). A crop has exactly the asked size; a cover that is
smaller is enlarged.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from conf.publish import PublishSettings
from jobs.lake.context import Context
from jobs.lake.images import ImageStore
from jobs.lake.lake import Lake
from jobs.lake.pictures import encoded, flattened, mime_of, opened
from jobs.lake.schema.covers import COVER_CROPS

TABLE = "cover_crops"


def make_crops(context: Context, cover_ids: Sequence[str]) -> int:
    """Crops of covers that have none of the settings' size and format yet; returns how many were made."""
    settings = context.settings.publish
    todo = missing(context.lake, settings, sorted(set(cover_ids)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = [
            row for made in pool.map(lambda each: _crops(context.images, settings, *each), todo.items()) for row in made
        ]
    if rows:
        context.lake.merge(pa.Table.from_pylist(rows, schema=COVER_CROPS.schema), TABLE, update=True)
    return len(rows)


def missing(lake: Lake, settings: PublishSettings, cover_ids: Sequence[str]) -> dict[str, list[str]]:
    """Names of the crops that covers lack, by cover; a crop of another size or format counts as none."""
    there: set[tuple[str, str]] = set()
    if lake.exists(TABLE):
        rows = lake.read(TABLE, columns=["cover_id", "crop", "width", "height", "mime"])
        known = rows.filter(pc.field("cover_id").isin(pa.array(cover_ids, pa.string()))).to_pylist()
        mime, sizes = mime_of(settings.crop_format), settings.sizes
        there = {
            (row["cover_id"], row["crop"])
            for row in known
            if sizes.get(row["crop"]) == (row["width"], row["height"]) and row["mime"] == mime
        }
    wanted = {cover: [name for name in settings.crops if (cover, name) not in there] for cover in cover_ids}
    return {cover: names for cover, names in wanted.items() if names}


def cropped(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB of (H, W, 3): scaled until it fills the size, cut around what draws the eye."""
    import pyvips

    width, height = size
    picture = pyvips.Image.new_from_array(np.ascontiguousarray(pixels))
    made: NDArray[np.uint8] = picture.thumbnail_image(width, height=height, crop="attention", size="both").numpy()
    return made


def _crops(
    images: ImageStore, settings: PublishSettings, cover_id: str, names: Sequence[str]
) -> list[dict[str, object]]:
    pixels, sizes, rows = flattened(opened(images.get(cover_id))), settings.sizes, []
    for name in names:
        data = encoded(cropped(pixels, sizes[name]), settings.crop_format, settings.crop_quality)
        picture = images.put(data)
        rows.append(
            {
                "cover_id": cover_id,
                "crop": name,
                "crop_cover_id": picture,
                "uri": images.uri(picture),
                "mime": mime_of(settings.crop_format),
                "width": sizes[name][0],
                "height": sizes[name][1],
                "bytes": len(data),
            }
        )
    return rows
