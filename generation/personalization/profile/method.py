"""The ``profile`` method: paint an item as the segment's clicks would have it.

A user's preference is the mean embedding of the covers they clicked minus that of the covers
they were shown and skipped (Rocchio's relevance feedback; Manning, Raghavan and Schuetze,
*Introduction to Information Retrieval*, 2008, section 9.1.1), once in the aligned space
(what is on the picture) and once in the style space (how it is drawn). A segment's profile is
the mean over its users. The painter was trained to follow such profiles: the preference goes
in raw, the words are the item's own title, and the item's default cover is the reference that
keeps the subject.
"""

import numpy as np

from generation.types import Conditioning, ItemContent, SegmentProfile


class ProfileMethod:
    """Raw segment centroid as the preference, the title as the prompt."""

    name = "profile"

    def condition(self, segment: SegmentProfile, item: ItemContent) -> Conditioning:
        """Prompt and (160,) preference: aligned part first, then style."""
        preference = np.concatenate([segment.pref_embedding, segment.pref_style]).astype(np.float32)
        return Conditioning(prompt=item.title, preference=preference)
