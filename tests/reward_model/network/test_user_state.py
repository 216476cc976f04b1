"""States of users, from tables."""

import numpy as np
import pytest

from conf.errors import MissingTable
from reward_model.dataset import load_examples, load_item_features
from reward_model.network.features import ITEM_COLUMNS, numbers
from reward_model.network.user_state import CoverTable, ItemTable, load_states
from tests.support.worlds.toy_world import ENCODER


def test_an_unknown_user_and_item_take_priors(toy):
    items, covers = ItemTable.load(toy.lake, ENCODER), CoverTable.load(toy.lake, ENCODER)
    states = load_states(toy.lake, toy.days[2], ["nobody", "u001"], covers=covers, items=items, length=20)
    assert states.user.tolist() == ["nobody", "u001"]
    assert not states.history.present[0].any()
    assert states.history.present[1].any()
    assert not states.preference[0].any()
    even = np.array([1 + items.categories.index("even")] * 2)
    assert states.affinity(np.array([0, 1]), even) == pytest.approx([0.0, np.log(0.2)])
    frame, prior = load_item_features(toy.lake, toy.days[2])
    assert frame.item_id.iloc[-1] is None
    assert prior[0] == pytest.approx(numbers(frame, ITEM_COLUMNS)[-1])


def test_a_missing_evening_is_an_error_that_names_the_stage(toy):
    with pytest.raises(MissingTable, match="coverlift features --ds 2026-03-01"):
        load_examples(toy.lake, [toy.days[0]], encoder_id=ENCODER, history_length=20)
