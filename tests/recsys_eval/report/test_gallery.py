"""What the report shows of covers."""

from recsys_eval.report.gallery import load_gallery


def test_true_drawings_stand_beside_painted_ones(sticker_night):
    gallery = load_gallery(sticker_night.ctx, count=24)
    assert all(item.is_new for item in gallery.items)
    pack_styles = {segment.segment_id: segment.favourite for segment in gallery.segments}
    from jobs.stickers.pack import PicturePack

    pack = PicturePack.load()
    for item in gallery.items[:4]:
        assert item.original == pack.bytes(item.item_id, item.original_style)
        for segment, picture in item.truth.items():
            assert picture == pack.bytes(item.item_id, pack_styles[segment])
