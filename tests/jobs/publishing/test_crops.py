import io
from datetime import UTC, date, datetime

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pydantic import ValidationError

from conf.settings import Settings
from generation.pictures import to_webp
from jobs.lake.schema.covers import COVER_CROPS, GENERATED_COVERS
from jobs.publishing.crops import cropped, make_crops, missing
from jobs.publishing.takedown import take_down
from tests.jobs.publishing.test_stage import NIGHT
from tests.support.worlds import tiny
from tests.support.worlds.samples import sample

CROPS = {"thumbnail": "40x40", "card": "120x40"}


def picture(at, size=(120, 240)):
    """Grey, with a red disc with an edge around a place."""
    canvas = Image.new("RGB", size, (200, 200, 200))
    pen = ImageDraw.Draw(canvas)
    pen.ellipse([at[0] - 15, at[1] - 15, at[0] + 15, at[1] + 15], fill=(220, 20, 20), outline="black", width=3)
    return np.asarray(canvas)


@pytest.mark.parametrize("at", [(60, 30), (60, 120), (60, 210)])
def test_a_crop_holds_what_draws_the_eye(at):
    made = cropped(picture(at), (120, 60))
    assert made.shape == (60, 120, 3)
    red = (made[..., 0] > 150) & (made[..., 1] < 90)
    assert red.sum() > 400  # of some 570 red pixels


def test_crops_have_their_size_whatever_the_cover_s():
    for size in ((40, 40), (300, 30), (30, 300)):
        assert cropped(picture((60, 120)), size).shape == (size[1], size[0], 3)


def test_crops_are_made_once_and_again_when_the_settings_change(make_context):
    ctx = make_context(publish={"crops": CROPS})
    covers = [ctx.images.put(to_webp(picture((60, place)))) for place in (50, 200)]
    assert make_crops(ctx, [*covers, covers[0]]) == 4
    assert make_crops(ctx, covers) == 0
    rows = ctx.lake.read("cover_crops").to_pylist()
    assert {(row["cover_id"], row["crop"]) for row in rows} == {(cover, crop) for cover in covers for crop in CROPS}
    for row in rows:
        data = ctx.images.get(row["crop_cover_id"])
        with Image.open(io.BytesIO(data)) as made:
            assert (f"{made.width}x{made.height}", made.format, len(data)) == (CROPS[row["crop"]], "WEBP", row["bytes"])

    other = make_context(home=ctx.home, publish={"crops": {**CROPS, "card": "60x40"}, "crop_format": "webp"})
    assert missing(other.lake, other.settings.publish, covers) == {cover: ["card"] for cover in covers}
    assert make_crops(other, covers) == 2
    assert other.lake.read("cover_crops").num_rows == 4
    avif = make_context(home=ctx.home, publish={"crops": CROPS, "crop_format": "avif"})
    assert make_crops(avif, covers[:1]) == 2


def test_a_takedown_takes_the_crops_along(make_context, tmp_path):
    ctx = make_context(publish={"crops": CROPS})
    down, up = (ctx.images.put(to_webp(picture((60, place)))) for place in (50, 200))
    make_crops(ctx, [down, up])
    units = sample("generated_covers", 1, cover_id=[down], ds=NIGHT)
    tiny.write(ctx, units.to_pylist(), GENERATED_COVERS)
    take_down(ctx.lake, down, reason="no", by="person:ann", ds=date(2026, 3, 29), now=datetime(2026, 3, 30, tzinfo=UTC))
    assert set(ctx.lake.read("cover_crops")["cover_id"].to_pylist()) == {up}
    assert COVER_CROPS.keys == ("cover_id", "crop")


@pytest.mark.parametrize("crops", [{"Card": "10x10"}, {"card": "10"}, {"card": "0x10"}, {"card": "10x99999"}])
def test_names_and_sizes_are_checked(crops):
    with pytest.raises(ValidationError):
        Settings(publish={"crops": crops})
