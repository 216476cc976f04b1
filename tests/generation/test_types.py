"""A request checks itself."""

import numpy as np
import pytest

from generation.types import PaintRequest


def test_a_request_checks_its_arrays(make_request):
    assert make_request(reference=np.zeros((48, 32, 3), np.uint8)).reference.shape == (48, 32, 3)
    for wrong in (np.zeros((32, 32), np.uint8), np.zeros((0, 32, 3), np.uint8), np.zeros((8, 8, 3))):
        with pytest.raises(ValueError, match=r"reference is .*: expected uint8 \(height, width, 3\)"):
            make_request(reference=wrong)
    with pytest.raises(ValueError, match=r"pictures is .*: expected uint8 \(1 to 8, height, width, 3\)"):
        make_request(pictures=np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match=r"preference is float64 \(160,\): expected float32"):
        make_request(preference=np.zeros(160))
    assert isinstance(make_request(), PaintRequest)
