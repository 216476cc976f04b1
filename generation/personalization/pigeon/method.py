"""The ``pigeon`` method: the painter is told the preference and the events that it comes from.

Who has no history is told no preference either, so that their unit is everybody's, and is painted once.
"""

from dataclasses import replace

import numpy as np

from generation.personalization.profile.method import ProfileMethod
from generation.types import Conditioning, ItemContent, SegmentProfile


class PigeonMethod(ProfileMethod):
    """A segment's or a user's profile with its history, and the item's title.

    Where the night's weights look at pictures, the clicked covers are told in place of both.
    """

    name = "pigeon"

    def condition(self, segment: SegmentProfile, item: ItemContent) -> Conditioning:
        """What ``profile`` tells, and the events; nothing of both where there are none."""
        told = super().condition(segment, item)
        if segment.clicked_covers is not None:
            nothing = np.zeros_like(told.preference)
            return replace(told, preference=nothing, clicked_covers=segment.clicked_covers or None)
        if segment.history is None or not segment.known:
            return replace(told, preference=np.zeros_like(told.preference))
        return replace(told, history=segment.history)
