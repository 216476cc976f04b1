import numpy as np
import pytest

from generation.diffusion.painter import Painter
from generation.diffusion.training import sweep
from generation.diffusion.training.data import PairSampler, load_drawings
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import EMBED_DIM, load_encoders


@pytest.fixture(scope="module")
def drawings():
    return load_drawings(PicturePack.load().sample(120), load_encoders(), "validation")


def test_real_drawings_lie_nearest_their_own_family(drawings):
    style = drawings.look[:, EMBED_DIM:]
    assert ((style @ sweep.centroids(drawings).T).argmax(1) == drawings.family).mean() > 0.85


def test_pairs_are_painted_in_order_whatever_the_batch(drawings, monkeypatch):
    pairs = PairSampler(drawings, seed=0, drop=0.0, same_family=0.0, jitter=False).draw(0, 6)
    painter, titles = Painter.load(), [drawings.codes[number] for number in pairs.subject]
    whole, speed = sweep.paint_pairs(painter, pairs, titles, steps=1, guidance=1.0)
    monkeypatch.setattr(sweep, "BATCH", 4)
    parts, _ = sweep.paint_pairs(painter, pairs, titles, steps=1, guidance=1.0)
    assert whole.shape == (6, 64, 64, 3)
    assert speed > 0
    assert np.abs(whole.astype(int) - parts.astype(int)).max() <= 8  # bfloat16 sums differ by batch
