"""Codes beside prompts, in every pipeline: what they change, and what none of them changes."""

import inspect
import json

import numpy as np
import pytest
import torch

from generation.personalization.dppmg.pictures.public.config import PipelineConfig
from generation.personalization.dppmg.pictures.public.model import CodedPipeline
from generation.personalization.icg.public.prompts import encode
from tests.support.models import tiny_generators
from tests.support.models.pipeline_requests import CODES, NOBODY, TITLES

PAINTING = {"seeds": [7, 8], "steps": 2, "size": (tiny_generators.SIZE, tiny_generators.SIZE)}
MASKED = ("pixart", "sana")


def own_picture(pipeline, family, guidance, **more):
    """What the pipeline paints when it is called as its documentation says, with words."""
    scale = "true_cfg_scale" if family == "flux" else "guidance_scale"
    asked = {"clean_caption": False, "use_resolution_binning": False, "complex_human_instruction": None}
    asked |= {"height": PAINTING["size"][1], "width": PAINTING["size"][0], "negative_prompt": ["", ""], scale: guidance}
    taken = inspect.signature(pipeline.__call__).parameters
    if family == "sdxl":  # its own empty prompt is zeros, which it takes where no negative prompt is given
        del asked["negative_prompt"]
    elif family in MASKED:
        asked["negative_prompt"] = ""
    painted = pipeline(
        prompt=TITLES,
        num_inference_steps=more.pop("path", 2),
        generator=[torch.Generator().manual_seed(seed) for seed in PAINTING["seeds"]],
        output_type="np",
        **{name: value for name, value in asked.items() if name in taken},
        **more,
    ).images
    return (np.asarray(painted) * 255).round().astype(np.uint8)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("family", list(tiny_generators.GENERATORS))
def test_no_code_is_the_pipelines_own_picture_bit_for_bit(fresh, family, guidance):
    model = fresh(family)
    own = own_picture(model.generator.pipeline, family, guidance)
    with torch.no_grad():
        for weight in model.trainable().values():
            weight.normal_()  # whatever codes say: nobody is told any
    painted = model.paint(TITLES, NOBODY, guidance=guidance, **PAINTING)
    np.testing.assert_array_equal(painted, own)
    coded = model.paint(TITLES, CODES, guidance=guidance, **PAINTING)
    assert all((coded[row] != own[row]).any() for row in range(2))


@pytest.mark.parametrize("family", [name for name in tiny_generators.GENERATORS if name not in MASKED])
def test_a_cover_is_begun_from_as_the_image_pipeline_begins(fresh, family):
    model = fresh(family, strength=0.5)
    covers = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    own = own_picture(model.generator.image_pipeline, family, 1.0, path=4, strength=0.5, image=list(covers / 255.0))
    painted = model.paint(TITLES, NOBODY, covers=covers, **PAINTING)
    assert np.abs(painted.astype(int) - own).max() <= 1
    other = model.paint(TITLES, NOBODY, covers=255 - covers, **PAINTING)
    assert (other != painted).any()


@pytest.mark.parametrize("family", list(tiny_generators.GENERATORS))
def test_where_codes_stand(fresh, family):
    """By hand: a code of 0.25 in the first place, none in the others; pooled vectors get 0.5."""
    model = fresh(family)
    with torch.no_grad():
        model.tokens.vectors[0, 1] = 0.25
        if model.pooled is not None:
            model.pooled.vectors[0, 1] = 0.5
    plain = encode(model.generator, TITLES).titles
    codes = torch.tensor([[1, -1, -1], [-1, -1, -1]])
    with torch.no_grad():
        told = model(plain, codes)
    first = plain.prompt_embeds[0].clone()
    if family in MASKED:
        first[-3] = plain.prompt_embeds[0][plain.prompt_attention_mask[0].bool()].mean(0)
        assert told.prompt_attention_mask[0].sum() == plain.prompt_attention_mask[0].sum() + 1
        assert told.prompt_attention_mask[0, -3] == 1
    first[-3] += 0.25
    torch.testing.assert_close(told.prompt_embeds[0], first)
    assert torch.equal(told.prompt_embeds[1], plain.prompt_embeds[1])
    if model.pooled is not None:
        torch.testing.assert_close(told.pooled_prompt_embeds, plain.pooled_prompt_embeds + torch.tensor([[0.5], [0.0]]))


def test_before_training_codes_change_nothing_where_padding_is_attended_to(fresh):
    model = fresh("sdxl", low_rank=2)
    np.testing.assert_array_equal(model.paint(TITLES, CODES, **PAINTING), model.paint(TITLES, NOBODY, **PAINTING))


def test_low_rank_weights_read_the_prompt_alone(fresh):
    for family in tiny_generators.GENERATORS:
        names = [name for name in fresh(family, low_rank=2).trainable() if "lora_" in name]
        assert names
        assert all(("attn2" in name) != ("add_" in name) for name in names), family


def test_a_pipeline_without_words_or_without_an_image_form_is_refused(fresh, tmp_path):
    with pytest.raises(ValueError, match="pixart pipeline has no image-to-image form"):
        fresh("pixart", strength=0.5)
    folder = tiny_generators.make("pixart", tmp_path)
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"text_encoder": [None, None], "tokenizer": [None, None]}
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="has no text encoder"):
        CodedPipeline.load_base(PipelineConfig(generator=str(folder)))
