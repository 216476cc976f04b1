"""A desk of six covers in a process of its own, for all tests of a module."""

import pytest

from tests.generation.review.web.test_app import running


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Its database and its port."""
    with running(tmp_path_factory.mktemp("desk")) as found:
        yield found
