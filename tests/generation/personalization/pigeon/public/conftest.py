"""Saved models."""

import pytest

from generation.personalization.pigeon.public.store import save_pigeon


@pytest.fixture(scope="session")
def saved(public, tmp_path_factory):
    """Folder of a saved model."""
    made = {}

    def get(mllm, family):
        if (mllm, family) not in made:
            made[mllm, family] = tmp_path_factory.mktemp("pigeon")
            save_pigeon(public.fresh(mllm, family), made[mllm, family])
        return made[mllm, family]

    return get
