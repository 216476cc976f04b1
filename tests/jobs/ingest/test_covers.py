import pyarrow as pa
import pytest

from jobs.ingest.checks import REASONS
from jobs.ingest.covers import KNOWN, PictureReader, is_safe, look_at
from jobs.lake.images import ImageStore
from tests.support.worlds.small_input import png, sha


@pytest.mark.parametrize("path", ["../x.png", "a/../../x.png", "/x.png", "\\x.png", "a\\..\\x.png", "http://h/x.png"])
def test_paths_out_of_the_folder_are_unsafe(path):
    assert not is_safe(path)


def test_measures_of_a_good_picture():
    data = png("red", (9, 7))
    picture = look_at(data, sha(data), 63)
    assert (picture.reasons, picture.mime, picture.width, picture.height) == ((), "image/png", 9, 7)
    assert picture.bytes == len(data)


def test_all_reasons_against_a_picture():
    data = png("red", (9, 7))
    assert look_at(data, "0" * 64, 62).reasons == ("image_bomb", "wrong_hash")
    assert look_at(b"text", "0" * 64, 99).reasons == ("unreadable_image", "wrong_hash")
    assert look_at(data, "0" * 64, 63).reasons == ("wrong_hash",)


def test_only_rows_without_any_reason_are_stored(tmp_path):
    good, refused, known = png("red"), png("blue"), png("green")
    rows = pa.RecordBatch.from_pylist(
        [
            {"cover_id": sha(data), "path": None, "data": data, KNOWN: data == known, REASONS: reasons}
            for data, reasons in ((good, ""), (refused, "unknown_item"), (known, ""))
        ]
        + [{"cover_id": "0" * 64, "path": "x.png", "data": None, KNOWN: False, REASONS: "unknown_item"}]
    )
    store = ImageStore(str(tmp_path / "images"))
    found = PictureReader(str(tmp_path), {}, store, 10_000).batch(rows).to_pydict()
    assert found[REASONS] == ["", "unknown_item", "", "unknown_item,unreadable_image"]
    assert found["width"] == [8, 8, None, None]
    assert "data" not in found
    assert [store.exists(sha(data)) for data in (good, refused, known)] == [True, False, False]
