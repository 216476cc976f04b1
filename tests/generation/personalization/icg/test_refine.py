import torch

from generation.personalization.icg.refine import Refinement, unknown_preference


def test_nobody_in_particular_leaves_the_tokens_as_they_are():
    torch.manual_seed(0)
    refine, tokens = Refinement(16), torch.randn(2, 3, 16)
    for weight in refine.parameters():
        torch.nn.init.normal_(weight)
    torch.testing.assert_close(refine(tokens, unknown_preference(2)), tokens)
    liked = torch.cat([unknown_preference(1), torch.randn(1, 160)])
    refined = refine(tokens, liked)
    torch.testing.assert_close(refined[0], tokens[0])
    assert (refined[1] - tokens[1]).abs().mean() > 0.1


def test_a_fresh_refinement_changes_nothing():
    tokens = torch.randn(2, 3, 16)
    torch.testing.assert_close(Refinement(16)(tokens, torch.randn(2, 160)), tokens)


def test_only_the_direction_of_a_preference_counts():
    """A segment's short centroid and a fan's long preference mean the same look."""
    refine, tokens, wanted = Refinement(16), torch.randn(1, 3, 16), torch.randn(1, 160)
    for weight in refine.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    torch.testing.assert_close(refine(tokens, 0.01 * wanted), refine(tokens, wanted), atol=1e-5, rtol=1e-4)
