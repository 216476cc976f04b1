"""Arrow batches of a sorted frame, regrouped so that no key is cut in two."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.lake.arrays import Ints


def whole_keys(batches: Iterable[pa.RecordBatch], key: str) -> Iterator[pa.Table]:
    """Tables that hold every row of each of their keys.

    Memory holds one incoming batch and the rows of the key it ends with, however long the frame is.

    Parameters
    ----------
    batches
        Rows with equal keys lying next to each other, as ``sortWithinPartitions`` leaves them.
    key
        Name of the column that groups.

    Examples
    --------
    >>> batches = pa.table({"k": list("aabbb")}).to_batches(max_chunksize=3)
    >>> [part["k"].to_pylist() for part in whole_keys(batches, "k")]
    [['a', 'a'], ['b', 'b', 'b']]
    """
    pending: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        keys = batch.column(key)
        last = keys[-1]
        cut = pc.index(keys, last).as_py()
        if cut:
            yield _together([*pending, batch.slice(0, cut)])
            pending = [batch.slice(cut)]
        elif pending and pending[-1].column(key)[-1] != last:
            yield _together(pending)
            pending = [batch]
        else:
            pending.append(batch)
    if pending:
        yield _together(pending)


def _together(batches: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches).combine_chunks()


def key_offsets(keys: pa.ChunkedArray) -> Ints:
    """Where each key's rows begin, and the number of rows at the end.

    Examples
    --------
    >>> key_offsets(pa.chunked_array([["a", "a", "b"]])).tolist()
    [0, 2, 3]
    """
    if not len(keys):
        return np.zeros(1, dtype=np.int64)
    changed = pc.not_equal(keys.slice(1), keys.slice(0, len(keys) - 1)).to_numpy()
    return np.concatenate([[0], np.flatnonzero(changed) + 1, [len(keys)]]).astype(np.int64)


def ragged(sizes: list[int]) -> pa.Array:
    """List offsets of rows with ``sizes`` elements.

    Examples
    --------
    >>> ragged([2, 0, 1]).to_pylist()
    [0, 2, 2, 3]
    """
    return pa.array(np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]), pa.int32())


def vectors(matrix: object) -> pa.Array:
    """A list<float32> array with the rows of a (n, dim) matrix.

    Examples
    --------
    >>> vectors([[1, 2], [3, 4]]).to_pylist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    dense = np.asarray(matrix, dtype=np.float32)
    flat = pa.array(np.ascontiguousarray(dense).ravel())
    return pa.ListArray.from_arrays(ragged([dense.shape[1]] * dense.shape[0]), flat)
