import pytest

from tests.support.worlds.comparison_lab import make_lab


@pytest.fixture(scope="session")
def lab(people_night):
    """A small comparison in which everybody is shown the originals."""
    return make_lab(people_night)
