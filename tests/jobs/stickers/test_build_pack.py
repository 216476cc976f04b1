"""How the pack is made, as far as it can be seen without the packages it is made from."""

import json

from jobs.lake.splits import split_of
from jobs.stickers.build_pack import manifest_of, without_leaks
from jobs.stickers.pack import PACK_DIR


def test_a_drawing_that_equals_a_held_out_one_is_dropped():
    held_out, train = "1f64d", "1f64e-200d-2640"
    assert (split_of(held_out), split_of(train)) == ("held_out", "train")
    rows = [{"code": held_out, "picture": b"a"}, {"code": train, "picture": b"a"}, {"code": train, "picture": b"b"}]
    assert without_leaks(rows) == [rows[0], rows[2]]


def test_the_manifest_in_the_repository_is_that_of_the_pack():
    told = json.loads((PACK_DIR / "manifest.json").read_text(encoding="utf-8"))
    assert set(told["files"]) == {"pictures.parquet", "subjects.parquet"}
    assert told == manifest_of(PACK_DIR)
