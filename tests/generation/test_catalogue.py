import shutil
from datetime import date

import numpy as np
import pytest

from conf.errors import UsageError
from generation.catalogue import CoverVectors, end_of_day, items_with_default, original_covers, segment_profiles
from jobs.lake.schema.features import SEGMENT_HISTORY
from tests.support.worlds import tiny

DS = date.fromisoformat(tiny.DS)


@pytest.fixture
def lake(make_context, tiny_home):
    return make_context(ds=tiny.DS, home=tiny_home).lake


def test_a_day_ends_with_its_last_microsecond_in_utc():
    assert end_of_day(date(2026, 3, 29)).isoformat() == "2026-03-29T23:59:59.999999+00:00"


def test_only_covers_and_items_that_exist_by_the_day_are_known(lake):
    items = items_with_default(lake, DS)
    assert items["item_id"].tolist() == sorted([*tiny.KNOWN, *tiny.LAUNCHING])
    earlier = items_with_default(lake, date(2026, 3, 28))
    assert earlier["item_id"].tolist() == sorted(tiny.KNOWN)
    covers = original_covers(lake, DS)
    assert covers.groupby("item_id")["is_default"].sum().tolist() == [1] * 5
    default = covers[covers["is_default"]].set_index("item_id")["cover_id"]
    assert items["reference_cover_id"].tolist() == default[items["item_id"]].tolist()


def test_segments_come_by_id_with_their_sizes(lake):
    found = segment_profiles(lake, DS)
    assert [(profile.segment_id, size) for profile, size in found] == [("new", 10), ("s0", 60), ("s1", 30)]
    np.testing.assert_allclose(found[2][0].pref_style[:3], [0, 0.3, 0])


def test_vectors_are_found_by_cover_and_missing_ones_say_what_to_run(lake):
    from reward_model.encoders.model import ENCODER_ID

    covers = original_covers(lake, DS)
    vectors = CoverVectors.read(lake, ENCODER_ID, covers["cover_id"])
    (row,) = vectors.where([covers["cover_id"][0]])
    assert vectors.embeddings[row].sum() == 1.0
    assert (vectors.embeddings.shape[1], vectors.styles.shape[1]) == (128, 32)
    with pytest.raises(ValueError, match="coverlift encode"):
        vectors.where(["0" * 64])


def test_segments_come_with_what_they_were_shown_where_it_is_asked_for(lake, make_context, tiny_home, tmp_path):
    with pytest.raises(UsageError, match=r"features\.segment_history=true"):
        segment_profiles(lake, DS, histories=True)
    shutil.copytree(tiny_home, tmp_path / "home")
    ctx = make_context(ds=tiny.DS, home=tmp_path / "home")
    names = {"ds": tiny.DS, "segment_id": "s1", "age_hours": np.e - 1, "weight": 0.5, "users": 9}
    rows = [
        {**names, "place": 1, "vector": tiny.axis(160, 3), "clicked": False, "examination": 0.25},
        {**names, "place": 0, "vector": tiny.axis(160, 2), "clicked": True, "examination": 0.5},
    ]
    tiny.write(ctx, rows, SEGMENT_HISTORY)
    found = {profile.segment_id: profile.history for profile, _ in segment_profiles(ctx.lake, DS, histories=True)}
    assert found["s0"] is None
    told = found["s1"]
    assert told.shape == (48, 165)
    assert told[:2, :160].argmax(axis=1).tolist() == [2, 3]  # in the order of their places
    np.testing.assert_allclose(told[:2, 160:], [[1, 0.125, 0.5, 0.5, 1], [-1, 0.125, 0.25, 0.5, 1]])
    assert not told[2:].any()
