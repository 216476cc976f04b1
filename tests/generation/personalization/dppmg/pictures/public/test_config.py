"""The settings of DPPMG over public checkpoints."""

import pytest

from conf.errors import UsageError
from conf.load import load_settings
from generation.personalization.dppmg.pictures.public.config import PipelineConfig


def test_the_production_profile_names_its_checkpoints():
    settings = load_settings(profile="dppmg-production")
    config = PipelineConfig.of(settings.dppmg)
    assert config.generator == "stabilityai/stable-diffusion-xl-base-1.0"
    assert settings.dppmg.writer == "Qwen/Qwen2.5-1.5B-Instruct"
    assert (settings.generation.method, settings.generation.canvas, settings.generation.beside) == (
        "dppmg",
        ("1024x1024",),
        (),
    )
    assert settings.weights.pickscore > 0
    assert settings.policy.titles == "ask"
    with pytest.raises(UsageError, match=r"dppmg\.generator names no pipeline"):
        PipelineConfig.of(load_settings(profile="local").dppmg)


def test_it_comes_back_from_json_and_what_is_no_setting_is_named():
    config = PipelineConfig(generator="a", low_rank=3)
    assert PipelineConfig.from_json(config.model_dump_json()) == config
    with pytest.raises(UsageError, match="configuration: lowrank: Extra inputs"):
        PipelineConfig.from_json('{"generator": "a", "lowrank": 3}')
