import numpy as np
import pytest

from jobs.stickers.pack import PicturePack
from recsys_eval.panel.pairs import pairs_of


def test_covers_without_a_drawing_to_stand_beside_are_refused(pack: PicturePack) -> None:
    with pytest.raises(ValueError, match="none of 0 covers"):
        pairs_of(pack, np.zeros((0, 64, 64, 3), np.uint8), [], np.zeros(0, np.int64))
