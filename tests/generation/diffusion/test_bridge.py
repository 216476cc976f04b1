import torch

from generation.diffusion.bridge import START_NOISE, between, build_scheduler, noise_of, solve, start_of


def test_the_bridge_runs_from_reference_plus_noise_to_the_clean_picture():
    reference, noise, clean = torch.full((1, 1, 1, 1), 0.2), torch.full((1, 1, 1, 1), -1.0), torch.ones(1, 1, 1, 1)
    start = start_of(reference, noise)
    assert start.item() == torch.tensor(0.2 - START_NOISE).item()
    assert between(start, clean, torch.tensor([1.0])).item() == start.item()
    assert between(start, clean, torch.tensor([0.0])).item() == 1.0
    # a quarter of the way left: 0.25 * -0.3 + 0.75 * 1
    assert abs(between(start, clean, torch.tensor([0.25])).item() - 0.675) < 1e-6


def test_euler_with_a_perfect_prediction_ends_on_the_clean_picture():
    torch.manual_seed(0)
    start, clean = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    seen = []

    def predict(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        torch.testing.assert_close(x, between(start, clean, sigma), atol=1e-5, rtol=0)
        seen.append(sigma[0].item())
        return clean

    painted = solve(build_scheduler(), start, 4, predict)
    torch.testing.assert_close(painted, clean, atol=1e-5, rtol=0)
    assert seen == [1.0, 0.75, 0.5, 0.25]


def test_noise_of_a_seed_does_not_depend_on_its_neighbours():
    alone, together = noise_of(torch.tensor([7]), (3, 4)), noise_of(torch.tensor([1, 7]), (3, 4))
    assert torch.equal(alone[0], together[1])
    assert not torch.equal(together[0], together[1])
