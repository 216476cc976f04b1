"""A request checks itself."""

import numpy as np
import pytest

from generation.types import PaintRequest


def test_a_request_checks_its_arrays(make_request):
    with pytest.raises(ValueError, match=r"reference is uint8 \(32, 32, 3\): expected uint8 \(64, 64, 3\)"):
        make_request(reference=np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match=r"preference is float64 \(160,\): expected float32"):
        make_request(preference=np.zeros(160))
    assert isinstance(make_request(), PaintRequest)
