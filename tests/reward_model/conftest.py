import pytest

from tests.reward_model.toy_world import Toy, build


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Toy:
    return build(tmp_path_factory.mktemp("toy"))
