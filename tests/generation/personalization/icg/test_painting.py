"""The built-in adapter as training paints with it."""

import numpy as np

from generation.diffusion.painter import Painter
from generation.personalization.methods import adapter_openers
from tests.support.models.paint_requests import asked


def test_rewards_alone_train_it_and_the_generator_s_own_weights_stay(shipped):
    _, seen, moved = shipped
    assert seen[-1] > seen[0]
    assert moved
    assert all("lora_" in name for name in moved)


def test_trained_it_paints_something_else_and_profile_stays(painter, shipped):
    with_icg = Painter.load(adapters=adapter_openers({"icg": shipped[0]}))
    np.testing.assert_array_equal(with_icg.paint(**asked()), painter.paint(**asked()))
    icg = with_icg.paint(**asked(), method="icg")
    assert (icg != painter.paint(**asked())).any()
    np.testing.assert_array_equal(
        icg, Painter.load(adapters=adapter_openers({"icg": shipped[0]})).paint(**asked(), method="icg")
    )
