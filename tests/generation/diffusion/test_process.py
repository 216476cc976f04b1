"""The common form of the path against hand-made values and diffusers' own schedulers."""

import math

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

from generation.diffusion.bridge import solve, start_of
from generation.diffusion.process import (
    Schedule,
    Start,
    deterministic_step,
    log_density,
    seeded_noise,
    stochastic_mean,
)


def walk(schedule, x, predict):
    for step in range(len(schedule)):
        x = deterministic_step(schedule, step, x, predict(x, step))
    return x


def test_on_the_bridge_it_is_the_night_s_own_solver():
    reference, noise = torch.randn(2, 2, 3, 4, 4)
    schedule, start = Schedule.flow(4), start_of(reference, noise)
    mine = walk(schedule, start, lambda x, step: 0.5 * x.tanh() + 0.1 * schedule.sigmas[step])
    own = solve(
        FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0),
        start,
        4,
        lambda x, sigma: 0.5 * x.tanh() + 0.1 * sigma.view(-1, 1, 1, 1),
    )
    torch.testing.assert_close(mine, own, atol=1e-5, rtol=1e-4)


def test_variance_preserving_it_is_diffusers_ddim():
    scheduler = DDIMScheduler(timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True)
    scheduler.set_timesteps(5)
    schedule = Schedule.variance_preserving(5, scheduler.alphas_cumprod)
    assert [int(timestep) for timestep in schedule.timesteps] == scheduler.timesteps.tolist()
    x = theirs = torch.randn(1, 3, 4, 4)
    for step, timestep in enumerate(scheduler.timesteps):
        noise = theirs.sin()
        clean = (x - schedule.sigmas[step] * x.sin()) / schedule.alphas[step]
        x = deterministic_step(schedule, step, x, clean)
        theirs = scheduler.step(noise, timestep, theirs, return_dict=False)[0]
    torch.testing.assert_close(x, theirs, atol=1e-4, rtol=1e-3)


def test_a_shifted_flow_has_diffusers_sigmas():
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(sigmas=np.linspace(1, 0.25, 4).tolist())
    np.testing.assert_allclose(Schedule.flow(4, shift=3.0).sigmas, scheduler.sigmas, rtol=1e-6)


def test_the_stochastic_step_keeps_the_marginal():
    """With the true clean picture: mean alpha * clean + sigma * anchor, deviation sigma * spread."""
    schedule = Schedule.flow(4)
    clean, anchor = torch.full((20000, 1, 1, 1), 0.3), torch.full((20000, 1, 1, 1), -0.2)
    noise = seeded_noise((20000, 1, 1, 1), 1)
    x = schedule.alphas[1] * clean + schedule.sigmas[1] * (anchor + 0.5 * noise)
    mean, deviation = stochastic_mean(schedule, 1, x, clean, Start(x=x, anchor=anchor, spread=0.5), noise_level=0.7)
    after = mean + deviation * seeded_noise(x.shape, 2)
    assert float(after.mean()) == pytest.approx(0.5 * 0.3 + 0.5 * -0.2, abs=0.01)
    assert float(after.std()) == pytest.approx(0.5 * 0.5, abs=0.01)
    assert deviation == pytest.approx(0.5 * 0.5 * math.sin(0.7 * math.pi / 2))


def test_without_noise_both_steps_agree():
    schedule, x, clean = Schedule.flow(4), torch.randn(2, 1, 2, 2), torch.randn(2, 1, 2, 2)
    mean, deviation = stochastic_mean(schedule, 1, x, clean, Start(x=x), noise_level=0.0)
    torch.testing.assert_close(mean, deterministic_step(schedule, 1, x, clean))
    assert deviation == 0.0


def test_log_density_is_torch_s_own():
    x, mean = torch.randn(2, 3, 3, 4, 4)
    known = torch.distributions.Normal(mean, 0.7).log_prob(x).flatten(1).mean(1)
    torch.testing.assert_close(log_density(x, mean, 0.7), known)


def test_noise_depends_on_every_part_of_its_key():
    assert torch.equal(seeded_noise((3,), 1, 2), seeded_noise((3,), 1, 2))
    assert not torch.equal(seeded_noise((3,), 1, 2), seeded_noise((3,), 2, 1))
