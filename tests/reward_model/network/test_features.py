import numpy as np
import pandas as pd
import pytest

from reward_model.network.features import (
    ITEM_COLUMNS,
    NEVER_CLICKED_HOURS,
    TITLE_COLUMNS,
    Standardiser,
    numbers,
    title_shape,
    unseen_item,
)


def test_rates_become_logits_and_counts_logarithms():
    frame = pd.DataFrame({"ctr_7d": [0.2, 0.0], "clicks_7d": [0, 9], "recency_hours": [1.0, np.nan]})
    values = numbers(frame, ["ctr_7d", "clicks_7d", "recency_hours"])
    assert values.dtype == np.float32
    assert values[0] == pytest.approx([np.log(0.25), 0.0, np.log(2.0)], rel=1e-6)
    assert values[1] == pytest.approx([np.log(1e-4 / (1 - 1e-4)), np.log(10), np.log1p(NEVER_CLICKED_HOURS)], rel=1e-5)


def test_an_unseen_item_has_the_global_rate():
    columns = {name: [0.0, 0.0] for name in ITEM_COLUMNS}
    frame = pd.DataFrame({**columns, "impressions_28d": [30, 10], "clicks_28d": [3, 1], "ctr_debiased": [0.2, 0.4]})
    prior = unseen_item(frame)
    assert prior["ctr_28d"] == 0.1
    assert prior["ctr_debiased"] == pytest.approx(0.3)
    assert prior["impressions_28d"] == prior["age_days"] == 0.0


def test_title_shape_of_plain_descriptive_and_playful_words():
    shape = pd.DataFrame(
        title_shape(["fox", "fox: face, red", "¿zorro? ¡Sí!", "今日の気分は「狐」"]), columns=TITLE_COLUMNS
    )
    assert shape["words"].tolist() == pytest.approx(np.log1p([1, 3, 2, 1]).tolist())
    assert shape["has_colon"].tolist() == [0, 1, 0, 0]
    assert shape["has_question"].tolist() == [0, 0, 1, 0]
    assert shape["has_exclamation"].tolist() == [0, 0, 1, 0]
    assert shape["east_asian"].tolist() == [0, 0, 0, 1]
    assert shape["latin"].tolist() == [1, 1, 1, 0]


def test_title_shape_of_nothing():
    assert title_shape([]).shape == (0, len(TITLE_COLUMNS))
    assert title_shape([""])[0].tolist() == [0.0] * len(TITLE_COLUMNS)


def test_standardiser_leaves_a_constant_column_finite_and_clips():
    values = np.array([[1.0, 5.0], [3.0, 5.0]], np.float32)
    fitted = Standardiser.fit(values)
    assert fitted.apply(values).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert fitted.apply(np.array([[1e9, 5.0]], np.float32))[0, 0] == 6.0
