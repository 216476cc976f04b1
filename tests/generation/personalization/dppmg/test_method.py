import numpy as np

from generation.personalization.dppmg.method import DppmgMethod
from generation.preference_tokens import painter_tokens
from generation.types import ItemContent, SegmentProfile

FOX = ItemContent(item_id="1f98a", title="fox", tags=(), reference_cover_id="c")


def profile(tokens):
    return SegmentProfile(
        segment_id="s1", pref_embedding=np.ones(128, np.float32), pref_style=np.ones(32, np.float32), tokens=tokens
    )


def test_the_painter_is_told_codes_and_no_vector():
    told = DppmgMethod().condition(profile(painter_tokens((4, 2))), FOX)
    assert told.prompt == "fox"
    assert told.tokens.tolist() == [4, 2, -1, -1, -1, -1]
    assert not told.preference.any()


def test_without_codes_it_is_told_of_nobody():
    assert DppmgMethod().condition(profile(None), FOX).tokens is None
