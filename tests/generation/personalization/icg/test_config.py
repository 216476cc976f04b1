"""ICG's settings."""

import pytest

from conf.errors import UsageError
from conf.load import load_settings
from generation.personalization.icg.config import IcgConfig


def test_the_production_profile_names_its_checkpoints():
    settings = load_settings(profile="icg-production")
    config = IcgConfig.of(settings.icg)
    assert config.mllm == "Qwen/Qwen2.5-VL-3B-Instruct"
    assert config.generator == "stabilityai/stable-diffusion-xl-base-1.0"
    assert (settings.generation.method, settings.generation.canvas, settings.generation.beside) == (
        "icg",
        ("1024x1024",),
        (),
    )
    assert settings.reward_models.pickscore
    assert settings.weights.pickscore > 0
    with pytest.raises(UsageError, match=r"icg\.mllm names no checkpoint"):
        IcgConfig.of(load_settings(profile="local").icg)


def test_an_unknown_setting_is_named():
    with pytest.raises(ValueError, match="no \\['metatokens'\\]"):
        IcgConfig.from_dict({"mllm": "a", "generator": "b", "metatokens": 3})
