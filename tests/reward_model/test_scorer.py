from dataclasses import replace

import numpy as np
import pytest

from reward_model.dataset import load_examples
from reward_model.scorer import SAMPLE_SIZE
from tests.support.worlds.toy_world import ENCODER


def candidates(toy, count):
    covers = sorted(toy.vectors)[:count]
    vectors = np.stack([toy.vectors[cover] for cover in covers]).astype(np.float32)
    items = [f"item-{int(cover[:-1], 16):02d}" for cover in covers]
    return covers, items, vectors[:, :128], vectors[:, 128:]


def test_it_agrees_with_the_predictor_on_logged_rows_at_place_one(toy, trained, scorer):
    rows = load_examples(toy.lake, toy.days[-1:], encoder_id=ENCODER, history_length=20)
    rows = rows.take(rows.position == 1)
    vectors = rows.covers.vectors[rows.cover]
    items = [rows.items.ids[int(item) - 1].as_py() for item in rows.item]
    scored = scorer.click_probability(rows.user.tolist(), items, vectors[:, :128], vectors[:, 128:])
    assert scored.dtype == np.float64
    assert scored == pytest.approx(trained.predictor.probabilities(rows), abs=1e-6)


def test_a_segment_is_the_mean_of_its_sample(toy, scorer):
    _, items, embeddings, styles = candidates(toy, 6)
    users = scorer.segment_users("s1")
    assert len(users) == min(SAMPLE_SIZE, sum(taste == 1 for taste in toy.taste.values()))
    assert all(toy.taste[user] == 1 for user in users)
    scored = scorer.segment_click_probability(["s1"] * 6, items, embeddings, styles)
    for row in range(6):
        each = scorer.click_probability(
            users,
            [items[row]] * len(users),
            *(np.repeat(part[row : row + 1], len(users), 0) for part in (embeddings, styles)),
        )
        assert scored[row] == pytest.approx(each.mean(), abs=1e-6)


def test_a_segment_likes_its_style(toy, scorer):
    covers, items, embeddings, styles = candidates(toy, 40)
    style = np.array([toy.style_of[cover] for cover in covers])
    for taste in (0, 1):
        scored = scorer.segment_click_probability([f"s{taste}"] * 40, items, embeddings, styles)
        assert scored[style == taste].mean() > 1.5 * scored[style != taste].mean()


def test_everybody_stands_for_new_and_all(toy, scorer):
    assert len(scorer.segment_users("all")) == len(scorer.segment_users("new")) == SAMPLE_SIZE
    assert {toy.taste[user] for user in scorer.segment_users("all")} == {0, 1}


def test_fewer_users_are_the_first_of_the_sample(toy, scorer):
    _, items, embeddings, styles = candidates(toy, 1)
    one = scorer.segment_click_probability(["s0"], items, embeddings, styles, max_users=1)
    user = scorer.segment_users("s0")[:1]
    assert one == pytest.approx(scorer.click_probability(user, items, embeddings, styles), abs=1e-7)


def test_new_users_and_items_have_a_probability(toy, scorer):
    _, _, embeddings, styles = candidates(toy, 2)
    scored = scorer.click_probability(["nobody", "u001"], ["never-seen"] * 2, embeddings, styles)
    assert ((scored > 0) & (scored < 1)).all()


def test_nothing_to_score_is_nothing(scorer):
    none = np.zeros((0, 128), np.float32), np.zeros((0, 32), np.float32)
    assert scorer.click_probability([], [], *none).shape == (0,)
    assert scorer.segment_click_probability([], [], *none).shape == (0,)


def test_wrong_shapes_and_segments_are_refused(toy, scorer):
    _, items, embeddings, styles = candidates(toy, 2)
    with pytest.raises(ValueError, match="one row per item"):
        scorer.click_probability(["u001"], items[:1], embeddings, styles)
    with pytest.raises(ValueError, match=r"'s9' has no users .* known are \['all', 'new', 's0', 's1'\]"):
        scorer.segment_click_probability(["s9", "s1"], items, embeddings, styles)
    with pytest.raises(ValueError, match="max_users=0"):
        scorer.segment_click_probability(["s1", "s1"], items, embeddings, styles, max_users=0)


def test_a_single_user_is_an_audience_beside_segments(toy, scorer):
    _, items, embeddings, styles = candidates(toy, 3)
    user = scorer.segment_users("s1")[0]
    mixed = scorer.segment_click_probability(["s0", f"user:{user}", "s1"], items, embeddings, styles)
    alone = scorer.click_probability([user], items[1:2], embeddings[1:2], styles[1:2])
    segments = scorer.segment_click_probability(["s0", "s1"], items[::2], embeddings[::2], styles[::2])
    assert mixed == pytest.approx([segments[0], alone[0], segments[1]], abs=1e-7)


def test_states_that_are_changed_change_what_somebody_would_click(toy, scorer):
    _, items, embeddings, styles = candidates(toy, 4)
    user = scorer.segment_users("s1")[0]
    states = scorer.states_of([user])
    rows = np.zeros(4, np.int64)
    as_it_is = scorer.state_click_probability(states, rows, items, embeddings, styles)
    assert as_it_is == pytest.approx(scorer.click_probability([user] * 4, items, embeddings, styles), abs=1e-7)
    other = replace(states, preference=-states.preference)
    assert np.abs(scorer.state_click_probability(other, rows, items, embeddings, styles) - as_it_is).max() > 1e-6
