import json

import numpy as np

from reward_model import registry
from reward_model.tastes.saved import taste_tensors, tastes_of


def test_tastes_come_back_as_they_were_saved(saved, trained):
    before = trained.predictor.tastes
    after = registry.load_predictor(saved[1]).tastes
    assert (after.items, after.categories) == (before.items, before.categories)
    for name, value in taste_tensors(before).items():
        np.testing.assert_array_equal(taste_tensors(after)[name].numpy(), value.numpy())
    vocabulary = json.loads((saved[1] / "vocabulary.json").read_text())
    assert set(vocabulary) == {"users", "categories", "items", "taste_categories"}


def test_a_model_without_tastes_has_none():
    tensors = {"weight": 1}
    assert tastes_of(tensors, {}) is None
    assert tensors == {"weight": 1}
