"""What the generators listen to."""

import pytest
import torch

from generation.personalization.icg.adapter import ConditioningSpec


def test_an_unknown_denoiser_is_named():
    network = torch.nn.Linear(1, 1)
    network.config = None
    with pytest.raises(ValueError, match=r"generator with a Linear .* known are FluxTransformer2DModel"):
        ConditioningSpec.of(network)
