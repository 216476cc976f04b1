"""Every multimodal model with one generator, every generator with one multimodal model, on real code paths."""

import numpy as np
import pytest
import torch

from generation.personalization.icg.config import IcgConfig
from generation.personalization.icg.public.model import Icg
from generation.personalization.pigeon.public.model import PublicPigeon
from tests.support.models import tiny_checkpoints, tiny_generators
from tests.support.models.tiny_pigeons import some_rows

PAIRS = [(mllm, "stable-diffusion") for mllm in tiny_checkpoints.MLLMS]
PAIRS += [("idefics3", family) for family in tiny_generators.GENERATORS if family != "stable-diffusion"]
PAINTING = {"seeds": [7, 8, 9], "steps": 2, "size": (tiny_generators.SIZE, tiny_generators.SIZE)}


@pytest.mark.parametrize(("mllm", "family"), PAIRS)
def test_it_is_quiet_and_a_row_is_painted_alike_alone_and_among_others(public, mllm, family):
    model = public.fresh(mllm, family)
    batch = public.batch(model, mllm, guided=True)
    with torch.no_grad():
        told = model(batch)
        again, nobody = model(batch), model(batch.nobody)
        alone = [model(public.batch(model, mllm, rows=(row,))) for row in range(3)]
    assert told.prompt_embeds.shape == (3, 5, 12)
    assert torch.equal(told.prompt_embeds, again.prompt_embeds)
    for row, one in enumerate(alone):
        torch.testing.assert_close(told.prompt_embeds[row], one.prompt_embeds[0], atol=1e-4, rtol=1e-4)
    apart = (told.prompt_embeds - nobody.prompt_embeds).abs().amax((1, 2))
    assert apart[:2].min() > 1e-3
    assert apart[2] < 1e-4  # who clicked nothing is nobody in particular

    painted = model.paint(batch, guidance=2.0, **PAINTING)
    assert painted.shape == (3, tiny_generators.SIZE, tiny_generators.SIZE, 3)
    np.testing.assert_array_equal(model.paint(batch, guidance=2.0, **PAINTING), painted)


def test_without_clicks_it_is_bit_for_bit_what_the_method_says_without_history(public):
    """A row without clicks is what meta tokens and connector say of title and reference, with no mask about."""
    model = public.fresh()
    titles, references, _ = some_rows((2,))
    batch = model.batch(titles, references, [references[:0]])
    prepared = icg_of(model).batch(titles, references, np.zeros((1, 160), np.float32)).inputs  # the words are ICG's
    with torch.no_grad():
        expected = model.connector(model.metas(prepared))
        assert torch.equal(model(batch).prompt_embeds, expected.prompt_embeds)
        torch.nn.init.normal_(model.mask.enter[1].weight)
        assert torch.equal(model(batch).prompt_embeds, expected.prompt_embeds)


def icg_of(model):
    """An ICG with the processor of a Pigeon, for its prompt alone."""
    config = IcgConfig(mllm=model.config.mllm, generator=model.config.generator, width=16, layers=1, meta_tokens=5)
    made = Icg.load_bases(config)
    made.processor = model.processor
    return made


def test_the_ratio_decides_what_is_painted_and_the_order_of_rows_does_not(public):
    model = public.fresh()
    with torch.no_grad():
        some, all_of_them = (model(public.batch(model, ratio=ratio)).prompt_embeds for ratio in (0.4, 0.0))
        turned = model(public.batch(model, rows=(1, 0))).prompt_embeds
    assert (some[0] - all_of_them[0]).abs().max() > 1e-3
    torch.testing.assert_close(some[1], all_of_them[1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(turned, some[[1, 0]], atol=1e-4, rtol=1e-4)


def test_low_rank_weights_stand_beside_queries_and_values_of_the_language_model_alone(public):
    for mllm in tiny_checkpoints.MLLMS:
        model = public.fresh(mllm)
        tuned = [name for name in model.trainable() if "lora_" in name]
        assert {name.split(".lora_")[0].rsplit(".", 1)[1] for name in tuned} == {"q_proj", "v_proj"}
        assert not any("vision" in name or "visual" in name for name in tuned)
        assert {name.split(".")[0] for name in model.trainable()} == {"metas", "mask", "connector"}
        tuned_layers = [each for each in model.metas.base.modules() if hasattr(each, "lora_A")]
        scales = {scale for each in tuned_layers for scale in each.scaling.values()}
        assert scales == {2.0}  # alpha / rank


def test_a_whole_model_is_loaded_from_its_bases(public):
    model = PublicPigeon.load_bases(public.config("idefics3", "sdxl")).eval()
    titles, references, clicked = some_rows((0, 2))
    painted = model.paint(model.batch(titles, references, clicked), **PAINTING | {"seeds": [1, 2], "steps": 1})
    assert painted.dtype == np.uint8


def test_bases_in_bfloat16_are_painted_with_and_what_is_trained_stays_float32(public):
    model = PublicPigeon.load_bases(public.config("llava", "sdxl", dtype="bfloat16")).eval()
    assert {weight.dtype for weight in model.trainable().values()} == {torch.float32}
    assert model.denoiser.dtype == torch.bfloat16
    batch = public.batch(model)
    model(batch).prompt_embeds.square().mean().backward()
    assert all(weight.grad is not None for name, weight in model.trainable().items() if "pooled" not in name)
    painted = model.paint(batch, **PAINTING)
    np.testing.assert_array_equal(model.paint(batch, **PAINTING), painted)
