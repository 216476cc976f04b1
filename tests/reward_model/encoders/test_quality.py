"""The encoders' figures by hand."""

import numpy as np

from reward_model.encoders.quality import summary


def test_summary_by_hand():
    assert summary(np.array([1.0, 0.0, 1.0, 1.0]), intervals=False) == {"value": 0.75}
    assert summary(np.ones(5), intervals=True) == {"value": 1.0, "low": 1.0, "high": 1.0}
