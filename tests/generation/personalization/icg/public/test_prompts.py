"""What pipelines' own text encoders say."""

import pytest
import torch

from generation.personalization.icg.public.generators import DiffusersGenerator
from generation.personalization.icg.public.prompts import encode
from tests.support.models import tiny_generators, tiny_language
from tests.support.models.pipeline_requests import TITLES

PLACES = {
    "stable-diffusion": tiny_language.LENGTH,
    "sdxl": tiny_language.LENGTH,
    "pixart": 120,
    "sana": 300,
    "stable-diffusion-3": tiny_language.LENGTH + 256,
    "flux": 512,
}
POOLED = ("sdxl", "stable-diffusion-3", "flux")


@pytest.mark.parametrize("family", list(tiny_generators.GENERATORS))
def test_titles_and_the_empty_prompt_have_one_length(pipelines, family):
    generator = DiffusersGenerator.load(str(pipelines(family)), allow_download=False, dtype=torch.float32, text=True)
    prompts = encode(generator, TITLES)
    for told in (prompts.titles, prompts.nothing):
        assert told.prompt_embeds.shape == (2, PLACES[family], 12)
        assert not told.prompt_embeds.requires_grad
        assert (told.pooled_prompt_embeds is not None) == (family in POOLED)
        assert (told.prompt_attention_mask is not None) == generator.spec.mask
    assert not torch.equal(prompts.titles.prompt_embeds[0], prompts.titles.prompt_embeds[1])
    assert torch.equal(prompts.nothing.prompt_embeds[0], prompts.nothing.prompt_embeds[1])
    if generator.spec.mask:  # words and an end
        assert prompts.titles.prompt_attention_mask.sum(1).tolist() == [3, 3]
        assert prompts.nothing.prompt_attention_mask.sum(1).tolist() == [1, 1]
