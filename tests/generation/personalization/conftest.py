import pytest
import torch

from tests.support.models import tiny_language


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory):
    """Folder of a tiny pipeline with text encoders, by family."""
    torch.set_num_threads(1)
    made = {}

    def get(family):
        if family not in made:
            made[family] = tiny_language.make_pipeline(family, tmp_path_factory.mktemp(family))
        return made[family]

    return get
