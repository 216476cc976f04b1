"""Language models with eyes are read from this machine."""

import pytest
import torch

from generation.personalization.icg.public.mllm import load_mllm


def test_nothing_is_downloaded_unless_allowed():
    with pytest.raises(FileNotFoundError, match=r"No checkpoint 'nobody/nothing'.* set allow_download"):
        load_mllm("nobody/nothing", allow_download=False, dtype=torch.float32)
