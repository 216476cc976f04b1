"""What the painter is told."""

import numpy as np

from generation.personalization.methods import method_named
from generation.types import ItemContent, SegmentProfile
from tests.generation.personalization.pigeon.conftest import a_history

ITEM = ItemContent(item_id="1f98a", title="fox", tags=(), reference_cover_id="c")


def test_the_events_go_with_the_preference_and_without_them_nothing_is_told():
    vector = np.ones(160, np.float32)
    known = SegmentProfile(segment_id="s", pref_embedding=vector[:128], pref_style=vector[128:], history=a_history(1))
    method = method_named("pigeon")
    told = method.condition(known, ITEM)
    assert told.prompt == "fox"
    assert told.preference.all()
    assert told.history is known.history
    silent = SegmentProfile(segment_id="s", pref_embedding=vector[:128], pref_style=vector[128:])
    assert not method.condition(silent, ITEM).preference.any()
    assert method.condition(silent, ITEM).history is None


def test_clicked_covers_are_told_in_place_of_preference_and_events():
    vector = np.ones(160, np.float32)
    known = {"segment_id": "s", "pref_embedding": vector[:128], "pref_style": vector[128:], "history": a_history(1)}
    told = method_named("pigeon").condition(SegmentProfile(**known, clicked_covers=("a", "b")), ITEM)
    assert told.clicked_covers == ("a", "b")
    assert told.history is None
    assert not told.preference.any()
    nothing = method_named("pigeon").condition(SegmentProfile(**known, clicked_covers=()), ITEM)
    assert nothing.clicked_covers is None
    assert nothing.history is None
