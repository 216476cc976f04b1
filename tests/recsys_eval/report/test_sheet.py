"""The night as one picture."""

import pytest

from recsys_eval.report.gallery import load_gallery
from recsys_eval.report.sheet import TILE, draw_sheet


def test_sheet_shows_every_item_and_segment(sticker_night):
    gallery = load_gallery(sticker_night.ctx, count=5)
    sheet = draw_sheet(gallery)
    plain = draw_sheet(gallery, with_truth=False)
    assert sheet.width - plain.width == TILE * 3
    assert sheet.height == plain.height > 5 * TILE
    with pytest.raises(ValueError, match="publish covers first"):
        draw_sheet(type(gallery)(segments=gallery.segments, items=[]))
