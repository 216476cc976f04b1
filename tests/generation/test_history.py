import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.history import AGE, CLICKED, EXAMINATION, KNOWN, WEIGHT, history_array, history_bytes, history_from


def events(count, unknown=()):
    rng = np.random.default_rng(count)
    vectors = rng.normal(size=(count, 160)).astype(np.float32)
    vectors[list(unknown)] = np.nan
    return {
        "vectors": vectors,
        "clicked": np.arange(count) % 3 == 0,
        "age_hours": np.arange(count, dtype=float),
        "examination": np.linspace(1, 0.2, count),
        "weight": np.full(count, 0.5),
    }


def test_a_row_is_the_vector_and_what_happened():
    told = history_array(**events(3))
    np.testing.assert_allclose(told[:3, :160], events(3)["vectors"], atol=6e-5)
    np.testing.assert_array_equal(told[:3, CLICKED], [1, -1, -1])
    np.testing.assert_allclose(told[:3, AGE], np.log([1, 2, 3]) / 8, atol=6e-5)  # by hand: log1p of 0, 1, 2 hours
    np.testing.assert_allclose(told[:3, EXAMINATION], [1, 0.6, 0.2], atol=6e-5)
    assert told[:3, WEIGHT].tolist() == [0.5] * 3
    assert told[:, KNOWN].tolist() == [1.0] * 3 + [0.0] * 45
    assert not told[3:].any()


def test_covers_without_a_vector_are_rows_of_zeros_and_nothing_else_is_no_history():
    told = history_array(**events(3, unknown=[1]))
    assert told[:3, KNOWN].tolist() == [1, 0, 1]
    assert not told[1].any()
    assert history_array(**events(2, unknown=[0, 1])) is None
    assert history_array(**events(0)) is None


@settings(deadline=None)
@given(st.integers(1, 120))
def test_of_more_than_48_the_newest_count_and_bytes_come_back(count):
    told = history_array(**events(count))
    assert told[:, KNOWN].sum() == min(count, 48)
    np.testing.assert_allclose(told[min(count, 48) - 1, :160], events(count)["vectors"][min(count, 48) - 1], atol=6e-5)
    np.testing.assert_array_equal(history_from(history_bytes(told)), told)
