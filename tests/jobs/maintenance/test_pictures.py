import os
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.lake.schema.tables import TABLES
from jobs.maintenance.pictures import Names, named, orphans, with_planned
from tests.jobs.maintenance.conftest import NOW, UNITS
from tests.support.worlds.samples import sample


def leaves(kind, name):
    if pa.types.is_list(kind):
        yield from leaves(kind.value_type, name)
    elif pa.types.is_struct(kind):
        for child in kind:
            yield from leaves(child.type, child.name)
    elif pa.types.is_string(kind):
        yield name


def test_every_text_column_about_covers_is_read(make_context):
    """One row of every table: each name of a cover, unit or history in it, however deep, is found."""
    from deltalake import write_deltalake

    lake, expected = make_context().lake, Names()
    for table, spec in TABLES.items():
        rows = sample(table)
        write_deltalake(lake.path(table), rows.cast(spec.schema), partition_by=list(spec.partition_by) or None)
        for column in spec.columns:
            for leaf in leaves(column.type, column.name):
                if "cover" in leaf or "cover" in column.name:
                    expected.pictures.add("a" * 64 if leaf == "cover_id" else f"{leaf}-1")
    found = named(lake, 7)
    assert {"a" * 64, "reference_cover_id-1"} <= found.pictures
    assert expected.pictures <= found.pictures | {"clicked_covers-1", "exemplar_covers-1", "item-1", "element-1"}
    assert (found.units, found.histories) == ({"unit_id-1"}, {"history_id-1"})


def test_a_unit_that_only_a_plan_names_keeps_its_pictures(aged):
    names = with_planned(named(aged.ctx.lake, 7), aged.ctx.images)
    assert names.planned == {UNITS["bb"]}
    assert names.pictures >= {aged.pictures["killed"], aged.pictures["published"], aged.pictures["replaced"]}
    assert aged.pictures["forgotten"] not in names.pictures


@pytest.mark.parametrize("name", ["README.md", "ab/notes.txt", "thumbnails/ab/" + "c" * 64])
def test_what_the_house_did_not_put_there_stays(aged, name):
    place = Path(aged.ctx.images.url, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("mine")
    os.utime(place, (0, 0))
    assert not any(str(place) in paths for paths in orphans(aged.ctx.images, Names(), NOW).values())


def test_what_a_killed_writer_left_goes_though_the_whole_is_named(aged):
    whole = Path(aged.ctx.images.url, aged.ctx.images.uri(aged.pictures["published"]))
    half = whole.with_name(f"{whole.name}.{'0' * 32}.part")
    half.write_bytes(b"publ")
    os.utime(half, (0, 0))
    found = orphans(aged.ctx.images, Names(pictures={whole.name}), NOW)["pictures"]
    assert str(half) in found
    assert str(whole) not in found
