"""The ``dppmg`` method: the painter is told codes, and no preference vector at all."""

import numpy as np

from generation.types import PREFERENCE_DIM, Conditioning, ItemContent, SegmentProfile


class DppmgMethod:
    """Codes of a segment or a user, and the item's title; without codes, nobody's."""

    name = "dppmg"

    def condition(self, segment: SegmentProfile, item: ItemContent) -> Conditioning:
        """Title, tokens, and a preference of zeros: what is not told cannot leak."""
        return Conditioning(prompt=item.title, preference=np.zeros(PREFERENCE_DIM, np.float32), tokens=segment.tokens)
