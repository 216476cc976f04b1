"""Pictures by id."""

import numpy as np
import pytest

from generation.personalization.pigeon.training.public.album import Album
from generation.pictures import to_pixels, to_webp
from generation.types import SEEN
from jobs.lake.images import ImageStore


def test_covers_are_decoded_at_what_is_seen_of_them_and_at_the_canvas(tmp_path):
    store = ImageStore(str(tmp_path))
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    name, album = store.put(to_webp(pixels)), Album(store)
    np.testing.assert_array_equal(album.covers((name, name))[1], to_pixels(to_webp(pixels), SEEN))
    assert album.covers(()).shape == (0, SEEN, SEEN, 3)
    canvas = album.canvas([name], 128)
    assert canvas.shape == (1, 3, 128, 128)
    assert 0 <= canvas.min() < canvas.max() <= 1
    with pytest.raises(FileNotFoundError):
        album.covers(("ab" * 32,))
