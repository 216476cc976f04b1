"""A night of a foreign feed with covers of two shapes, through a real pipeline of diffusers, Spark and Triton."""

import io
import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable
from PIL import Image

from generation.painting.stage import run as generate
from generation.planning.stage import run as plan
from tests.support.models import tiny_language
from tests.support.worlds import tiny

SHAPES = {"32x64": (300, 450), "64x32": (450, 300)}
"""Canvas, and the original covers that it is for."""


@pytest.fixture
def context(tiny_home, make_context, reward_model, tmp_path):
    home = shutil.copytree(tiny_home, tmp_path / "home")
    pipeline = tiny_language.make_pipeline("stable-diffusion", tmp_path / "pipeline")
    return make_context(
        ds=tiny.DS,
        home=home,
        generation={
            "adapters": {"profile": str(pipeline)},
            "canvas": list(SHAPES),
            "picture_format": "avif",
            "steps": 1,
            "guidance": 3.0,
            "min_gain": -1,
            "max_units": 6,
            "evaluation_items": 1,
            "candidates": 1,
            "max_batch": 4,
        },
    )


def with_shapes(ctx):
    """Every other item's covers upright, the others across."""
    covers = ctx.lake.read("covers").sort_by("item_id")
    items = sorted(set(covers["item_id"].to_pylist()))
    sizes = [list(SHAPES.values())[items.index(item) % 2] for item in covers["item_id"].to_pylist()]
    for place, name in enumerate(("width", "height")):
        column = pa.array([size[place] for size in sizes], pa.int32())
        covers = covers.set_column(covers.schema.get_field_index(name), name, column)
    ctx.lake.merge(covers, "covers", update=True)
    return {item: list(SHAPES.values())[place % 2] for place, item in enumerate(items)}


def test_each_item_is_painted_stored_and_scored_at_the_canvas_shaped_like_its_cover(context):
    originals = with_shapes(context)
    segments = DeltaTable(context.lake.path("segments"))
    segments.update({"top_categories": "make_array('fruit')"}, predicate="segment_id = 's1'")
    plan(context)
    planned = context.lake.read("generation_plan", ds=context.ds).to_pylist()
    wanted = {shape: tuple(map(int, canvas.split("x"))) for canvas, shape in SHAPES.items()}
    assert {(row["width"], row["height"]) for row in planned} == {(32, 64), (64, 32)}
    assert all((row["width"], row["height"]) == wanted[originals[row["item_id"]]] for row in planned)
    assert {row["segment_id"] for row in planned if "for those who like fruit" in row["prompt"]} == {"s1"}

    result = generate(context)
    assert result.metrics["units_failed"] == 0
    assert result.metrics["pictures_painted"] == len(planned)
    painted = context.lake.read("covers").filter(pc.field("source") == "generated").to_pylist()
    assert painted
    for row in painted:
        assert (row["width"], row["height"]) == wanted[originals[row["item_id"]]]
        assert row["mime"] == "image/avif"
        with Image.open(io.BytesIO(context.images.get(row["cover_id"]))) as picture:
            assert (picture.size, picture.format) == ((row["width"], row["height"]), "AVIF")
    safety = [dict(row["rewards"]).get("nsfw") for row in context.lake.read("generated_covers").to_pylist()]
    assert any(value is not None and 0 <= value <= 1 for value in safety)

    again = generate(context)
    assert (again.metrics["pictures_painted"], again.metrics["pictures_reused"]) == (0, len(planned))
