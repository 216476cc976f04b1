import zipfile

import polars as pl
import pytest

from conf.errors import ContractError
from jobs.ingest.importers import pictures
from jobs.ingest.importers.pictures import PictureStore, chosen_covers, fault_of, link_covers
from tests.support.worlds.small_input import png, sha


def wanted(*names):
    return pl.DataFrame({"item_id": ["i"] * len(names), "picture": names, "rank": range(len(names))}).cast(
        {"rank": pl.Int32}
    )


def linked(tmp_path, names, store, *, copy=False):
    return pl.concat(link_covers(wanted(*names), store, tmp_path / "files", tmp_path / "work", copy=copy))


def test_a_picture_is_linked_under_its_hash_or_copied(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "fox.png").write_bytes(png("red"))
    store = PictureStore([tmp_path / "none", tmp_path / "set"])
    found = linked(tmp_path, ["fox"], store).to_dicts()
    assert found == [
        {
            "item_id": "i",
            "picture": "fox",
            "rank": 0,
            "cover_id": sha(png("red")),
            "path": f"{sha(png('red'))[:2]}/{sha(png('red'))}",
            "reason": None,
        }
    ]
    target = tmp_path / "files" / found[0]["path"]
    assert target.samefile(tmp_path / "set" / "fox.png")
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    linked(tmp_path / "second", ["fox"], store, copy=True)
    copied = tmp_path / "second" / "files" / found[0]["path"]
    assert copied.read_bytes() == png("red")
    assert not copied.samefile(target)


def test_pictures_in_an_archive_are_found_by_their_last_part(tmp_path):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("images/fox.jpg", png("red"))
        archive.writestr("images/cut.jpg", png("blue"), zipfile.ZIP_DEFLATED)
    store = PictureStore([], [tmp_path / "images.zip"])
    assert [store.has(name) for name in ("fox.jpg", "fox", "images/fox.jpg", "cat")] == [True, True, True, False]
    assert linked(tmp_path, ["fox.jpg", "cat"], store)["reason"].to_list() == [None, "no_cover"]
    damaged = (tmp_path / "images.zip").read_bytes().replace(png("red")[20:40], b"\0" * 20)
    (tmp_path / "images.zip").write_bytes(damaged)
    assert PictureStore([], [tmp_path / "images.zip"]).read("fox") == b""
    (tmp_path / "images.zip").write_bytes(b"PK")
    with pytest.raises(ContractError, match="is no whole zip archive"):
        PictureStore([], [tmp_path / "images.zip"]).has("fox")


def test_a_name_that_leaves_the_folder_names_nothing(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "secret.png").write_bytes(png("red"))
    assert not PictureStore([tmp_path / "set"]).has("../secret.png")
    assert not PictureStore([tmp_path / "set"]).has(str(tmp_path / "secret.png"))


def test_what_is_no_cover(monkeypatch):
    assert fault_of(png("red")) is None
    assert fault_of(b"") == fault_of(b"GIF, but no picture") == "unreadable_image"
    monkeypatch.setattr(pictures, "MOST_BYTES", 10)
    assert fault_of(png("red")) == "image_bomb"


def test_a_finished_chunk_is_not_done_again(tmp_path):
    class Once(PictureStore):
        reads = 0

        def read(self, name):
            type(self).reads += 1
            return super().read(name)

    (tmp_path / "a.png").write_bytes(png("red"))
    first = linked(tmp_path, ["a", "b"], Once([tmp_path]))
    assert linked(tmp_path, ["a", "b"], Once([tmp_path])).equals(first)
    assert Once.reads == 2


def test_the_default_is_the_first_good_picture_and_twins_are_one_cover():
    rows = [
        ("i", "bad", 0, None, None, "unreadable_image"),
        ("i", "b", 1, "B", "p", None),
        ("i", "twin", 2, "B", "p", None),
        ("j", "b", 0, "B", "p", None),
    ]
    good, bad = chosen_covers(pl.DataFrame(rows, schema=pictures.COVERS, orient="row"))
    assert good.select("item_id", "picture", "is_default", "first").rows() == [
        ("i", "b", True, True),
        ("i", "twin", False, False),
        ("j", "b", True, True),
    ]
    assert bad["reasons"].to_list() == [["unreadable_image"], ["duplicate_cover"]]
