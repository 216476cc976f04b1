"""One painter for all methods, or one each."""

import numpy as np
import pytest

from generation.diffusion.painter import SHIPPED, Painter, checkpoint_fingerprint
from generation.serving.painters import ByMethod, open_painter
from tests.support.models.stand_in import Painter as StandIn


class Darker(StandIn):
    fingerprint = "darker"

    def paint(self, **request):
        return super().paint(**request) // 2


def asked(method):
    return {
        "prompts": ["fox"],
        "references": np.full((1, 64, 64, 3), 200, np.uint8),
        "preferences": np.zeros((1, 160), np.float32),
        "seeds": np.array([3]),
        "steps": 2,
        "guidance": np.array([1.0]),
        "method": method,
    }


def test_each_method_is_painted_by_its_own():
    both = ByMethod({"profile": StandIn(), "dark": Darker()})
    assert (both.fingerprint_of("profile"), both.fingerprint_of("dark")) == ("stand-in-1", "darker")
    np.testing.assert_array_equal(both.paint(**asked("dark")), both.paint(**asked("profile")) // 2)


def test_a_method_that_none_paints_is_named_with_those_there_are():
    both = ByMethod({"profile": StandIn(), "dark": Darker()})
    for ask in (lambda: both.fingerprint_of("icg"), lambda: both.paint(**asked("icg"))):
        with pytest.raises(ValueError, match=r"no method 'icg': it has \['dark', 'profile'\]"):
            ask()


def test_without_models_over_other_generators_it_is_the_built_in_painter():
    painter = open_painter(None, {})
    assert isinstance(painter, Painter)
    assert painter.fingerprint_of("profile") == checkpoint_fingerprint(SHIPPED)
