"""The night as one picture."""

import numpy as np
import pytest
from PIL import Image

from generation.pictures import to_webp
from recsys_eval.report.gallery import load_gallery
from recsys_eval.report.sheet import TILE, _tile, draw_sheet


def test_sheet_shows_every_item_and_segment(sticker_night):
    gallery = load_gallery(sticker_night.ctx, count=5)
    sheet = draw_sheet(gallery)
    plain = draw_sheet(gallery, with_truth=False)
    assert sheet.width - plain.width == TILE * 3
    assert sheet.height == plain.height > 5 * TILE
    with pytest.raises(ValueError, match="publish covers first"):
        draw_sheet(type(gallery)(segments=gallery.segments, items=[]))


def test_a_poster_keeps_its_shape_in_a_tile():
    tile = np.asarray(_tile(to_webp(np.zeros((90, 30, 3), np.uint8))))
    assert tile.shape == (TILE, TILE, 3)
    dark = (tile == 0).all(axis=2)
    assert dark.any(axis=1).all()
    assert dark.any(axis=0).sum() == TILE // 3
    assert isinstance(_tile(to_webp(np.zeros((8, 8, 3), np.uint8))), Image.Image)
