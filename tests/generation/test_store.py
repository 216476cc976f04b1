import pickle
from pathlib import Path

import numpy as np
import pytest

from conf.errors import UsageError
from generation.history import history_id
from generation.pictures import to_webp
from generation.store import UnitStore
from jobs.lake.images import ImageStore

PICTURES = [to_webp(np.full((64, 64, 3), shade, np.uint8)) for shade in (10, 200)]
UNIT = "ab" * 32


def test_a_unit_is_found_once_it_is_whole(tmp_path):
    store = UnitStore(ImageStore(str(tmp_path)))
    assert store.find(UNIT) is None
    added = store.add(unit_id=UNIT, generator="g", pictures=PICTURES)
    assert store.find(UNIT) == added
    assert store.find_all([UNIT, "cd" * 32]) == {UNIT: added}
    assert [store.images.get(cover_id) for cover_id in added.cover_ids] == PICTURES
    assert not list(tmp_path.rglob("*.part"))


def test_pictures_without_their_record_are_no_unit(tmp_path):
    images = ImageStore(str(tmp_path))
    for picture in PICTURES:  # as a run leaves it that was killed before the record
        images.put(picture)
    assert UnitStore(images).find(UNIT) is None


def test_a_unit_whose_picture_is_gone_is_painted_again(tmp_path):
    store = UnitStore(ImageStore(str(tmp_path)))
    added = store.add(unit_id=UNIT, generator="g", pictures=PICTURES)
    (Path(tmp_path) / ImageStore.uri(added.cover_ids[1])).unlink()
    assert store.find(UNIT) is None


def test_it_travels_to_workers(tmp_path):
    store = UnitStore(ImageStore(str(tmp_path)))
    added = store.add(unit_id=UNIT, generator="g", pictures=PICTURES)
    assert pickle.loads(pickle.dumps(store)).find(UNIT) == added


def test_histories_lie_beside_the_pictures_by_what_they_are(tmp_path):
    store = UnitStore(ImageStore(str(tmp_path)))
    history = np.random.default_rng(0).normal(size=(48, 165)).astype(np.float32)
    name = store.add_history(history)
    assert name == history_id(history) == store.add_history(history)
    np.testing.assert_array_equal(store.history(name), history)
    (file,) = (tmp_path / "histories").rglob("*.f32")
    file.write_bytes(b"something else")
    with pytest.raises(UsageError, match="missing or has changed"):
        store.history(name)
    with pytest.raises(UsageError, match="missing or has changed"):
        store.history("ab" * 32)
