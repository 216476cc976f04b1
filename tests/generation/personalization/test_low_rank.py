"""Low-rank weights by hand: two layers of which one is tuned."""

import copy

import pytest
import torch
from torch import nn

from generation.personalization.low_rank import add_lora, lora_weights, with_lora


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.ModuleDict({"tuned": nn.Linear(3, 2), "left": nn.Linear(3, 2)})


def test_what_is_merged_is_the_product_of_the_low_rank_weights():
    plain = network()
    tuned = copy.deepcopy(plain)
    add_lora(tuned, ["tuned"], 1)
    lora = {name: torch.full_like(weight, 2.0) for name, weight in lora_weights(tuned).items()}
    assert [weight.requires_grad for weight in tuned.parameters()].count(True) == len(lora) == 2
    found = with_lora(plain, lora, ["tuned"], 1)
    torch.testing.assert_close(found["tuned"].weight, plain["tuned"].weight + 4.0)
    assert torch.equal(found["left"].weight, plain["left"].weight)
    assert not any(weight.requires_grad for weight in found.parameters())


def test_weights_of_another_rank_are_refused():
    tuned = network()
    add_lora(tuned, ["tuned"], 2)
    with pytest.raises(ValueError, match="do not fit"):
        with_lora(network(), lora_weights(tuned), ["tuned"], 1)
