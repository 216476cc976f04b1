import numpy as np
import pytest

from reward_model.baseline import FEATURES, recent_means, tabular
from reward_model.metrics import measure


def test_columns_have_names(split):
    values = tabular(split.validation)
    assert values.shape == (len(split.validation), len(FEATURES))
    assert len(set(FEATURES)) == len(FEATURES)


def test_products_by_hand(split):
    rows, row = split.validation, 5
    values = dict(zip(FEATURES, tabular(rows)[row], strict=True))
    candidate = rows.covers.vectors[rows.cover[row]]
    liked = rows.states.preference[rows.state[row]]
    assert values["preference_style_dot"] == pytest.approx(liked[128:] @ candidate[128:], rel=1e-4)
    cosine = liked[:128] @ candidate[:128] / np.linalg.norm(liked[:128])
    assert values["preference_embedding_cosine"] == pytest.approx(cosine, rel=1e-4)
    assert values["position"] == rows.position[row]


def test_recent_means_by_hand(split):
    states, vectors = split.train.states, split.train.covers.vectors
    clicked, skipped, share = recent_means(states, vectors)
    history = states.history
    mine = history.present[7] & history.clicked[7]
    others = history.present[7] & ~history.clicked[7]
    assert clicked[7] == pytest.approx(vectors[history.cover[7][mine]].mean(axis=0), abs=1e-6)
    assert skipped[7] == pytest.approx(vectors[history.cover[7][others]].mean(axis=0), abs=1e-6)
    assert share[7] == pytest.approx(mine.sum() / history.present[7].sum())


def test_it_beats_the_item_rate(split, baseline):
    rows = split.test
    probability = baseline.probabilities(rows)
    assert ((probability > 0) & (probability < 1)).all()
    result = measure(
        rows.user,
        rows.clicked,
        {"lightgbm": probability, "item_ctr": rows.item_ctr},
        pairs=[("lightgbm", "item_ctr")],
        resamples=100,
        seed=1,
    )
    assert result["lightgbm - item_ctr"]["gauc"].low > 0.1
