"""CLIP-type rewards on a tiny random CLIP in transformers' format."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

from conf.errors import UsageError
from conf.settings import RewardModels, RewardWeights
from generation.rewards.clip import Clip, ClipReward, LaionAesthetic
from generation.rewards.personal import Personal
from generation.rewards.registry import Ingredients, build_panel
from generation.rewards.view import PictureView
from tests.generation.rewards.test_registry import Liking, random_batch


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("clip")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {"vocab_size": 8, "max_position_embeddings": 16, "eos_token_id": 2, "bos_token_id": 1, **sizes}
    vision = {"image_size": 32, "patch_size": 16, **sizes}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({"<pad>": 0, "<s>": 1, "</s>": 2, "red": 3, "fox": 4, "<unk>": 5}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    fast.save_pretrained(folder)
    told = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    return folder


def test_the_score_is_the_model_s_own_cosine(folder):
    clip = Clip(folder)
    pictures = random_batch(2)
    small = torch.rand(2, 3, 32, 32)
    prepared = (small - clip.mean) / clip.deviation
    tokens = clip.tokenizer(["red fox", "fox"], padding=True, return_tensors="pt")
    with torch.no_grad():
        answer = clip.model(pixel_values=prepared, **tokens)
        expected = torch.diagonal(answer.logits_per_image) / clip.model.logit_scale.exp()
        found = (clip.pictures(small) * clip.texts(["red fox", "fox"])).sum(1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert ClipReward("clip", folder).score(replace(pictures, prompts=["red fox", "fox"])).shape == (2,)


def test_its_gradient_reaches_the_pixels(folder):
    pixels = torch.rand(2, 3, 64, 64, requires_grad=True)
    view = PictureView(pixels, None, *torch.zeros(2, 2, 128), ["i"] * 2, ["s"] * 2, ["fox", "red"])
    ClipReward("pickscore", folder).value(view).sum().backward()
    assert pixels.grad.abs().sum() > 0


def test_a_laion_head_is_its_linear_layers_in_order(folder, tmp_path):
    shapes = {0: (6, 12), 2: (3, 6), 4: (1, 3)}  # numbers with gaps, as dropout layers leave them
    weights = {f"layers.{number}.weight": torch.randn(shape) for number, shape in shapes.items()}
    weights |= {f"layers.{number}.bias": torch.randn(shape[0]) for number, shape in shapes.items()}
    save_file(weights, tmp_path / "head.safetensors")
    reward, pictures = LaionAesthetic(folder, tmp_path / "head.safetensors"), random_batch(2)
    x = reward.clip.pictures(PictureView.of(pictures).pixels)
    for number in shapes:
        x = x @ weights[f"layers.{number}.weight"].T + weights[f"layers.{number}.bias"]
    np.testing.assert_allclose(reward.score(pictures), x[:, 0].numpy(), rtol=1e-4)
    with pytest.raises(UsageError, match="convert the head once"):
        LaionAesthetic(folder, tmp_path / "head.pth")


def test_named_in_the_settings_they_join_the_panel(folder):
    models = RewardModels(clip=str(folder), hpsv2=str(folder))
    given = Ingredients(reference=random_batch(8), personal=Personal(Liking()), models=models)
    weights = RewardWeights(personal=0, aesthetic=0, relevance=0, clip=0.7, hpsv2=0.3)
    raw, total = build_panel(weights, given).score(random_batch(3, seed=3))
    assert set(raw) == {"clip", "hpsv2"}
    assert np.isfinite(total).all()
    with pytest.raises(UsageError, match="no CLIP checkpoint"):
        ClipReward("clip", folder / "nowhere")
