import numpy as np
import pytest

from conf.errors import UsageError
from generation.personalization.methods import METHODS, method_named
from generation.types import ItemContent, SegmentProfile

ITEM = ItemContent(item_id="1f98a", title="fox", tags=("animal",), reference_cover_id="ab" * 32)


def test_the_preference_is_the_raw_centroid_aligned_part_first():
    segment = SegmentProfile(
        segment_id="s1",
        pref_embedding=np.arange(128, dtype=np.float32),
        pref_style=np.arange(32, dtype=np.float32) * 0.5,
    )
    conditioning = method_named("profile").condition(segment, ITEM)
    assert conditioning.prompt == "fox"
    assert conditioning.preference.dtype == np.float32
    assert conditioning.preference.tolist() == [*map(float, range(128)), *(number * 0.5 for number in range(32))]


def test_every_registered_method_has_its_name():
    assert [method_named(name).name for name in METHODS] == list(METHODS)


def test_an_unknown_method_is_named_with_the_known_ones():
    with pytest.raises(UsageError, match=r"'nosuch': there are dppmg, icg, pigeon, profile$"):
        method_named("nosuch")
