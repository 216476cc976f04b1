from dataclasses import replace

import numpy as np
import pytest

from jobs.lake.splits import HELD_OUT, VALIDATION, bucket
from reward_model.network.ensemble_member import taste_inputs
from reward_model.predictor import ExampleTensors
from reward_model.tastes.estimates import content_of, span_sums
from reward_model.train import tastes_before


@pytest.fixture(scope="module")
def tastes(trained):
    assert trained.predictor.tastes is not None
    return trained.predictor.tastes


def test_states_like_the_style_that_their_user_likes(toy, split, tastes):
    """Half of the toy world's users like one style: the estimate knows whose is whose."""
    rows = split.test
    columns = tastes.columns(rows.states, rows.items, rows.covers.vectors)
    last = rows.states.end - rows.states.begin > 30
    look_of_style = [
        int(
            np.argmax(
                tastes.looks.centroids
                @ np.mean([v[128:] for c, v in toy.vectors.items() if toy.style_of[c] == s], axis=0)
            )
        )
        for s in (0, 1)
    ]
    assert look_of_style[0] != look_of_style[1]
    own = np.array([look_of_style[toy.taste[user]] for user in rows.states.user])
    other = np.array([look_of_style[1 - toy.taste[user]] for user in rows.states.user])
    at = np.arange(len(own))
    assert (columns.rate[at, own] > columns.rate[at, other])[last].mean() > 0.9
    assert columns.adored[at, own][last].mean() > columns.adored[at, other][last].mean() + 0.2


def test_a_state_knows_nothing_of_its_own_day(split, tastes):
    """Clicks of later events change nothing: a state's columns are sums over its span."""
    rows = split.test
    events = rows.states.events
    first = int(rows.states.end.min())
    later = np.ones(len(events), bool)
    for begin, end in zip(rows.states.begin, rows.states.end, strict=True):
        later[begin:end] = False
    flipped = replace(events, clicked=np.where(later, ~events.clicked, events.clicked))
    assert first >= 0
    changed = tastes.columns(replace(rows.states, events=flipped), rows.items, rows.covers.vectors)
    for before, after in zip(tastes.columns(rows.states, rows.items, rows.covers.vectors), changed, strict=True):
        np.testing.assert_allclose(before, after, atol=1e-6)


def test_only_training_items_have_factors_of_their_own(split, tastes):
    assert tastes.items
    assert not {bucket(name) for name in tastes.items} & {HELD_OUT, VALIDATION}
    factors = tastes.item_factors(split.train.items)
    names = split.train.items.ids.to_pylist()
    other = next(row for row, name in enumerate(names, start=1) if bucket(name) == VALIDATION)
    content = content_of(split.train.items, tastes.categories)[other] @ tastes.subjects.content
    np.testing.assert_allclose(factors[other], content, rtol=1e-5)
    own = names.index(tastes.items[0]) + 1
    np.testing.assert_allclose(factors[own], tastes.subjects.own[0])
    np.testing.assert_allclose(factors[0], tastes.subjects.centre)


def test_nothing_is_learned_from_the_last_label_day_or_later(toy, split):
    events = split.train.states.events
    last = split.train.days[int(split.train.day.max())].toordinal()
    flipped = replace(events, clicked=np.where(events.day >= last, ~events.clicked, events.clicked))
    changed = replace(split.train, states=replace(split.train.states, events=flipped))
    before, after = (tastes_before(rows, toy.settings.reward) for rows in (split.train, changed))
    assert before.looks.strength == after.looks.strength
    np.testing.assert_array_equal(before.quality, after.quality)
    np.testing.assert_array_equal(before.places, after.places)


def test_lightgbm_is_told_what_the_network_computes(split, trained, tastes):
    rows = split.validation
    data = ExampleTensors(trained.predictor, rows)
    _, states, batch = data.batch(np.arange(len(data.states_used)))
    of_network = taste_inputs(states, batch, trained.predictor.model.look_centroids).numpy()
    np.testing.assert_allclose(tastes.of_candidates(rows), of_network, rtol=1e-4, atol=1e-5)


def test_settings_can_leave_tastes_out(toy, split):
    assert tastes_before(split.train, toy.settings.reward.model_copy(update={"factors": 0})) is None


def test_sums_over_spans():
    values = np.arange(12.0).reshape(6, 2)
    begin, end = np.array([0, 2, 5, 3]), np.array([6, 3, 5, 5])
    expected = [values[a:b].sum(axis=0) for a, b in zip(begin, end, strict=True)]
    np.testing.assert_allclose(span_sums(values, begin, end), expected)
