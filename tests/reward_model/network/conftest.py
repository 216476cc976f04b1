"""A small ensemble on rows made by hand."""

import numpy as np
import pytest
import torch

from reward_model.network.ensemble_member import ModelShape, RowTensors, StateTensors
from reward_model.network.features import ITEM_COLUMNS, TITLE_COLUMNS, USER_COLUMNS
from reward_model.network.model import ClickModel
from reward_model.network.user_state import VECTOR_DIM

S, K, B = 3, 5, 7
FACTORS, LOOKS = 2, 3


def unit(values):
    return torch.nn.functional.normalize(values, dim=-1)


@pytest.fixture
def covers():
    torch.manual_seed(1)
    vectors = torch.cat([unit(torch.randn(11, 128)), unit(torch.randn(11, 32))], dim=1)
    return torch.cat([torch.zeros(1, VECTOR_DIM), vectors])


@pytest.fixture
def model(covers):
    torch.manual_seed(0)
    model = ClickModel(ModelShape(users=4, categories=2, width=16, factors=FACTORS, looks=LOOKS))
    model.set_scales(covers[1:].numpy(), np.random.default_rng(0).normal(0, 0.1, (9, VECTOR_DIM)).astype(np.float32))
    model.look_centroids.copy_(unit(torch.randn(LOOKS, 32)))
    model.category_share.copy_(torch.tensor([0.0, 0.6, 0.4]))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture
def states():
    generator = torch.Generator().manual_seed(2)

    def whole(high, *size):
        return torch.randint(1, high, size, generator=generator)

    present = torch.ones(S, K, dtype=torch.bool)
    present[0, 2:] = False
    present[1] = False
    return StateTensors(
        user_S=torch.tensor([0, 1, 2]),
        numeric_SN=torch.randn(S, len(USER_COLUMNS), generator=generator),
        rate_S=torch.full((S,), 0.1),
        preference_SE=0.1 * torch.randn(S, VECTOR_DIM, generator=generator),
        cover_SK=whole(12, S, K),
        item_SK=whole(6, S, K),
        category_SK=whole(3, S, K),
        clicked_SK=(torch.rand(S, K, generator=generator) < 0.3).float(),
        age_SK=torch.rand(S, K, generator=generator),
        place_SK=whole(10, S, K),
        present_SK=present,
        subject_SK=torch.randn(S, FACTORS, generator=generator),
        doubt_SK=torch.rand(S, FACTORS, generator=generator),
        rate_SL=torch.randn(S, LOOKS, generator=generator),
        adored_SL=torch.rand(S, LOOKS, generator=generator),
    )


@pytest.fixture
def rows(covers):
    generator = torch.Generator().manual_seed(3)
    return RowTensors(
        state_B=torch.tensor([0, 0, 1, 1, 2, 2, 2]),
        vector_BE=covers[1 : B + 1],
        numeric_BN=torch.randn(B, len(ITEM_COLUMNS), generator=generator),
        unseen_B=torch.zeros(B),
        title_BT=torch.rand(B, len(TITLE_COLUMNS), generator=generator),
        words_BW=unit(torch.randn(B, 128, generator=generator)),
        item_B=torch.tensor([0, 1, 2, 3, 4, 5, 5]),
        category_B=torch.tensor([0, 1, 2, 1, 2, 1, 1]),
        affinity_B=torch.zeros(B),
        place_B=torch.tensor([1, 2, 3, 4, 5, 10, 99]),
        factors_BK=torch.randn(B, FACTORS, generator=generator),
    )
