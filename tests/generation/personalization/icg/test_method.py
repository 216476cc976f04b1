"""ICG is told what ``profile`` is told; the method's name makes the unit another one."""

import numpy as np

from generation.personalization.icg.method import IcgMethod
from generation.personalization.methods import method_named
from generation.personalization.profile.method import ProfileMethod
from generation.types import ItemContent, SegmentProfile

ITEM = ItemContent(item_id="i", title="fox", tags=("animal",), reference_cover_id="a" * 64)
SEGMENT = SegmentProfile(
    segment_id="s0",
    pref_embedding=np.linspace(-1, 1, 128, dtype=np.float32),
    pref_style=np.linspace(0, 1, 32, dtype=np.float32),
)


def test_it_is_the_registered_method_and_says_what_profile_says():
    assert isinstance(method_named("icg"), IcgMethod)
    mine, its = IcgMethod().condition(SEGMENT, ITEM), ProfileMethod().condition(SEGMENT, ITEM)
    assert mine.prompt == its.prompt
    np.testing.assert_array_equal(mine.preference, its.preference)
    assert (mine.history, mine.tokens) == (None, None)
    assert IcgMethod.name == "icg" != ProfileMethod.name
