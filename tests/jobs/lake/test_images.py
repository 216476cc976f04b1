import hashlib
import pickle
import threading

import pytest

from conf.errors import CorruptImage
from jobs.lake.images import ImageStore

PIZZA = b"\x89PNG pizza"
PIZZA_ID = hashlib.sha256(PIZZA).hexdigest()


def test_a_picture_lies_under_its_hash(tmp_path):
    store = ImageStore(str(tmp_path / "images"))
    assert not store.exists(PIZZA_ID)
    assert store.put(PIZZA) == PIZZA_ID
    assert (tmp_path / "images" / PIZZA_ID[:2] / PIZZA_ID).read_bytes() == PIZZA
    assert store.uri(PIZZA_ID) == f"{PIZZA_ID[:2]}/{PIZZA_ID}"
    assert store.exists(PIZZA_ID)
    assert pickle.loads(pickle.dumps(store)).get(PIZZA_ID) == PIZZA


def test_a_picture_is_never_rewritten(tmp_path):
    store = ImageStore(f"file://{tmp_path}")
    store.put(PIZZA)
    before = (tmp_path / store.uri(PIZZA_ID)).stat()
    assert store.put(PIZZA) == PIZZA_ID
    after = (tmp_path / store.uri(PIZZA_ID)).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("damage", [b"", b"\x89PNG pizz", b"\x88PNG pizza"])
def test_damaged_pictures_are_found(tmp_path, damage):
    store = ImageStore(str(tmp_path))
    store.put(PIZZA)
    (tmp_path / store.uri(PIZZA_ID)).write_bytes(damage)
    with pytest.raises(CorruptImage, match=f"{len(damage)} bytes") as caught:
        store.get(PIZZA_ID)
    assert caught.value.exit_code == 3


def test_writers_of_the_same_picture_do_not_disturb_each_other(tmp_path):
    store, gate = ImageStore(str(tmp_path)), threading.Barrier(8)

    def write():
        gate.wait()
        store.put(PIZZA)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [PIZZA_ID]
    assert store.get(PIZZA_ID) == PIZZA


def test_an_object_store_works_the_same():
    store = ImageStore("memory://pictures")
    assert store.put(PIZZA) == PIZZA_ID
    assert store.get(PIZZA_ID) == PIZZA


def test_strange_names_and_missing_pictures_are_errors(tmp_path):
    store = ImageStore(str(tmp_path))
    with pytest.raises(ValueError, match="64 lower-case hex digits"):
        store.get("../../etc/passwd")
    with pytest.raises(FileNotFoundError):
        store.get("0" * 64)
