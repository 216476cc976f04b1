"""The command that trains ICG."""

from pathlib import Path

import pytest

from conf.errors import UsageError
from conf.settings import Settings
from generation.personalization.icg import checkpoint
from generation.personalization.icg.train import place_of


def test_a_public_model_is_never_written_over_the_built_in_adapter():
    assert place_of(Settings()) == place_of(Settings(generation={"icg": "elsewhere"})) == checkpoint.SHIPPED
    assert place_of(Settings(icg={"mllm": "m"}, generation={"icg": "elsewhere"})) == Path("elsewhere")
    with pytest.raises(UsageError, match="set it, or give --out"):
        place_of(Settings(icg={"mllm": "m"}))
