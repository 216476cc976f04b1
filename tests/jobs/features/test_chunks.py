import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.features.chunks import key_offsets, vectors, whole_keys
from jobs.lake.arrays import matrix


@given(sizes=st.lists(st.integers(1, 9), min_size=0, max_size=12), batch=st.integers(1, 20))
@settings(max_examples=80, deadline=None)
def test_no_key_is_cut_and_no_row_is_lost(sizes, batch):
    keys = [f"u{number}" for number, size in enumerate(sizes) for _ in range(size)]
    table = pa.table({"k": pa.array(keys, pa.string()), "row": pa.array(range(len(keys)), pa.int64())})
    parts = list(whole_keys(table.to_batches(max_chunksize=batch), "k"))
    assert [row for part in parts for row in part["row"].to_pylist()] == list(range(len(keys)))
    seen = [key for part in parts for key in sorted(set(part["k"].to_pylist()))]
    assert len(seen) == len(set(seen)) == len(sizes)


def test_memory_is_bounded_by_a_batch_and_a_key():
    table = pa.table({"k": ["a"] * 5 + ["b"] * 95})
    assert [part.num_rows for part in whole_keys(table.to_batches(max_chunksize=10), "k")] == [5, 95]


def test_empty_batches_are_skipped():
    empty = pa.record_batch({"k": pa.array([], pa.string())})
    full = pa.record_batch({"k": ["a"]})
    assert [part["k"].to_pylist() for part in whole_keys([empty, full, empty], "k")] == [["a"]]
    assert key_offsets(pa.chunked_array([], pa.string())).tolist() == [0]


def test_vectors_and_matrix_are_inverse():
    dense = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(matrix(vectors(dense)), dense)
    np.testing.assert_array_equal(matrix(vectors(dense).slice(2, 2)), dense[2:4])
