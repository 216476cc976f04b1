"""Places of a path: what a denoiser is shown there, and what it should answer."""

import numpy as np
import pytest
import torch

from generation.personalization.pigeon.training.public.latents import Places, answered, errors, noised
from tests.support.models import tiny_generators


@pytest.mark.parametrize("family", [*tiny_generators.GENERATORS, "v-prediction"])
def test_an_error_of_the_answer_is_one_of_the_clean_estimate_by_the_path_s_weights(public, family):
    """Noise: sigma / alpha of it, v and velocity: sigma; row by row, at steps of their own."""
    predicts_v = family == "v-prediction"
    model = public.fresh("llava", "stable-diffusion" if predicts_v else family)
    generator = model.generator
    if predicts_v:
        generator.pipeline.scheduler.register_to_config(prediction_type="v_prediction")
    pixels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    clean = generator.encode(pixels)
    assert clean.shape[1:] == generator.latent_shape(32)
    places = Places.drawn(generator, 3, tuple(clean.shape[1:]), 7, 1)
    shown = noised(generator, clean, places)
    schedule = generator.schedule(generator.train_steps)
    with torch.no_grad():
        conditioning = model(public.batch(model))
        answer = answered(generator, shown, conditioning)
        for row, step in enumerate(places.step.tolist()):
            alpha, sigma = schedule.alphas[step], schedule.sigmas[step]
            torch.testing.assert_close(shown.x[row], alpha * clean[row] + sigma * places.noise[row])
            assert float(shown.timestep[row]) == pytest.approx(schedule.timesteps[step])
            estimate = generator.predict_clean(shown.x, schedule, step, conditioning)[row]
            scale = sigma if generator.flow or predicts_v else sigma / alpha
            expected = -scale * (answer[row] - shown.wanted[row])
            torch.testing.assert_close(estimate - clean[row], expected, atol=2e-3, rtol=2e-3)
    by_hand = ((answer - shown.wanted) ** 2).numpy().reshape(3, -1).mean(1)
    np.testing.assert_allclose(errors(shown, answer).numpy(), by_hand, rtol=1e-5)


@pytest.mark.parametrize("family", ["stable-diffusion-3", "sana"])
def test_latents_are_scaled_as_decoding_undoes_it(public, family):
    generator = public.fresh("llava", family).generator
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        given = generator.vae.encode(2 * pixels - 1)
        plain = given.latent if family == "sana" else given.latent_dist.mode()
        expected = (generator.vae.decode(plain, return_dict=False)[0] / 2 + 0.5).clamp(0, 1)
        torch.testing.assert_close(generator.decode(generator.encode(pixels)), expected, atol=1e-5, rtol=1e-4)


def test_places_are_drawn_from_the_whole_path_by_their_key(public):
    generator = public.fresh().generator
    places = Places.drawn(generator, 400, (1, 2, 2), 3, 4)
    assert generator.train_steps == 1000
    assert places.step.min() < 50
    assert places.step.max() > 950
    again, other = Places.drawn(generator, 400, (1, 2, 2), 3, 4), Places.drawn(generator, 400, (1, 2, 2), 3, 5)
    assert torch.equal(again.noise, places.noise)
    assert not torch.equal(other.step, places.step)


def test_recomputed_activations_give_the_same_gradient(public):
    model = public.fresh()
    clean = torch.zeros(3, *model.generator.latent_shape(32))
    shown = noised(model.generator, clean, Places.drawn(model.generator, 3, tuple(clean.shape[1:]), 1))
    found = []
    for checkpointing in (False, True):
        answer = answered(model.generator, shown, model(public.batch(model)), checkpointing=checkpointing)
        model.metas.queries.grad = None
        errors(shown, answer).mean().backward()
        found.append(model.metas.queries.grad)
    assert found[0].norm() > 0
    torch.testing.assert_close(found[0], found[1])
