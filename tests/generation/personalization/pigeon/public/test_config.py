"""What a Pigeon over public checkpoints is made of, and what it asks."""

import pytest

from conf.errors import UsageError
from conf.load import load_settings
from conf.settings import PigeonSettings
from generation.personalization.pigeon.public.config import PigeonConfig


def test_a_configuration_names_both_checkpoints_and_nothing_unknown():
    with pytest.raises(UsageError, match=r"pigeon\.mllm names no checkpoint: .* \(docs/pigeon.md\)"):
        PigeonConfig.of(PigeonSettings())
    with pytest.raises(ValueError, match=r"A Pigeon configuration has no \['refine'\]"):
        PigeonConfig.from_dict({"mllm": "a", "generator": "b", "refine": 1})
    made = PigeonConfig.of(PigeonSettings(mllm="a", generator="b", mask_ratio=0.4))
    assert PigeonConfig.from_dict(made.as_dict()) == made
    assert "The first 3 pictures" in made.asked("fox", 3)
    assert "picture" in made.asked("fox", 0)
    assert "clicked" not in made.asked("fox", 0)


def test_the_production_profile_names_a_pair_and_a_folder():
    settings = load_settings(profile="pigeon-production")
    config = PigeonConfig.of(settings.pigeon)
    assert (config.lora_rank, config.lora_alpha, config.dtype) == (8, 16, "bfloat16")
    assert not config.allow_download
    assert settings.generation.adapter_folders == {"pigeon": "var/pigeon/model"}
    assert settings.features.segment_history
