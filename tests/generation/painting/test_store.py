import pickle
from pathlib import Path

import numpy as np

from generation.painting.store import UnitStore
from generation.pictures import to_pixels, to_webp
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


def test_pictures_survive_encoding():
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(to_pixels(to_webp(pixels)), pixels)


def test_references_of_any_kind_become_64_by_64_rgb():
    import io

    from PIL import Image

    from reward_model.encoders.model import to_pixels as as_encoded

    random = np.random.default_rng(4)
    for channels in (1, 3, 4):
        noise = Image.fromarray(random.integers(0, 256, (80, 100, channels), dtype=np.uint8).squeeze())
        with io.BytesIO() as buffer:
            noise.save(buffer, "PNG")
            np.testing.assert_array_equal(to_pixels(buffer.getvalue()), as_encoded([buffer.getvalue()])[0])
    with io.BytesIO() as buffer:
        Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(buffer, "PNG")
        assert (to_pixels(buffer.getvalue()) == 255).all()  # transparent is white
