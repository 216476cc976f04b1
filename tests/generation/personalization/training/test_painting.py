"""Guidance by hand: away from the unpersonalised estimate, which has no gradient."""

import torch

from generation.personalization.training.painting import Attended


def test_the_estimate_goes_away_from_the_unpersonalised_one():
    preference = torch.tensor([[1.0, 2.0]], requires_grad=True)
    attended = Attended.of(lambda told: 3 * told + 1, preference, guidance=2.0)
    found = attended.guided(lambda condition: condition * 10, guidance=2.0)
    # personal 40 and 70, plain 10: 10 + 2 (40 - 10) and 10 + 2 (70 - 10)
    torch.testing.assert_close(found, torch.tensor([[70.0, 130.0]]))
    found.sum().backward()
    torch.testing.assert_close(preference.grad, torch.full((1, 2), 2.0 * 10 * 3))


def test_at_guidance_one_nobody_else_is_asked():
    asked = []

    def condition(told):
        asked.append(told)
        return told

    attended = Attended.of(condition, torch.ones(1, 2), guidance=1)
    assert len(asked) == 1
    assert attended.plain is None
    torch.testing.assert_close(attended.guided(lambda told: 5 * told, guidance=1), torch.full((1, 2), 5.0))
