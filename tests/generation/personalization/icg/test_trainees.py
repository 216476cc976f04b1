"""What can be trained, and what is refused."""

import pytest

from conf.errors import UsageError
from conf.settings import Settings
from generation.personalization.icg.public.store import load_config
from generation.personalization.icg.trainees import trainee_of


def test_what_cannot_be_trained_is_refused(saved, tmp_path):
    folder = saved("llava", "stable-diffusion")
    config = load_config(folder)
    settings = Settings(icg={"mllm": config.mllm, "generator": config.generator})
    with pytest.raises(UsageError, match=r"LoRA is set by icg\.generator_tuning"):
        trainee_of(settings, seed=1, lora_rank=4, lora_layers="all", start=None)
    with pytest.raises(UsageError, match="another configuration than the section icg"):
        trainee_of(settings, seed=1, lora_rank=0, lora_layers="all", start=folder)
    missing = Settings(icg={"mllm": str(tmp_path), "generator": config.generator})
    with pytest.raises(UsageError, match="config"):
        trainee_of(missing, seed=1, lora_rank=0, lora_layers="all", start=None)
