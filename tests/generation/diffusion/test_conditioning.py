import pytest
import torch

from generation.diffusion.conditioning import CONTENT_WEIGHT, ConditioningAdapter, normalise_preference


def test_only_the_direction_of_a_preference_counts():
    preference = torch.zeros(1, 160)
    preference[0, 0], preference[0, 128], preference[0, 129] = 2.0, 3.0, 4.0
    normalised = normalise_preference(preference, embedding_dim=128)
    assert normalised[0, 0].item() == pytest.approx(CONTENT_WEIGHT)
    assert normalised[0, 128:130].tolist() == pytest.approx([0.6, 0.8])
    torch.testing.assert_close(normalise_preference(0.01 * preference, embedding_dim=128), normalised)


def test_no_preference_stays_zero():
    assert not normalise_preference(torch.zeros(2, 160), embedding_dim=128).any()


def test_shapes_and_what_depends_on_what():
    torch.manual_seed(0)
    adapter = ConditioningAdapter(width=24, title_tokens=2, preference_tokens=3)
    text, preference = torch.randn(4, 384), torch.randn(4, 160)
    tokens, pooled = adapter(text, preference)
    assert tokens.shape == (4, 5, 24)
    assert pooled.shape == (4, 24)
    other_tokens, other_pooled = adapter(torch.randn(4, 384), preference)
    assert torch.equal(pooled, other_pooled)
    assert torch.equal(tokens[:, 2:], other_tokens[:, 2:])
    assert not torch.equal(tokens[:, :2], other_tokens[:, :2])
