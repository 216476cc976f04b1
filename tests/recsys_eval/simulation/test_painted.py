"""Painted covers by item and segment."""

from recsys_eval.simulation.painted import load_painted


def test_pictures_by_item_and_segment(sticker_night):
    painted = load_painted(sticker_night)
    assert painted.published.shape == (10, 3)
    assert (painted.published >= 0).all()
    assert (painted.unpersonalised >= 0).all()
    item, segment = 4, 1
    picture = painted.published[item, segment]
    assert painted.subject[picture] == painted.item_ids[item]
    rows = sticker_night.lake.read("published_covers", ds=sticker_night.ctx.ds).to_pylist()
    wanted = (painted.item_ids[item], painted.segment_ids[segment])
    assert painted.cover_ids[picture] == next(r["cover_id"] for r in rows if (r["item_id"], r["segment_id"]) == wanted)
    shuffled = painted.shuffled(1)
    assert (shuffled >= 0).all()
    assert (shuffled[item] != painted.published[item]).any()
    assert sorted(shuffled[item]) == sorted(painted.published[item])
