"""Folders of tiny language models."""

import pytest
import torch

from generation.personalization.dppmg.titles.public.network import open_base
from tests.support.models import tiny_language


@pytest.fixture(scope="session")
def bases(tmp_path_factory):
    """Folder by name."""
    torch.set_num_threads(1)
    return {name: tiny_language.make_writer(name, tmp_path_factory.mktemp(name)) for name in tiny_language.WRITERS}


@pytest.fixture
def opened(bases):
    """A language model before training, by name."""

    def get(name):
        torch.manual_seed(1)
        return open_base(str(bases[name]), rank=2, allow_download=False)

    return get
