"""Types of arrays, one name each (shapes are told where an array is made or taken), and vectors read from columns."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from conf.errors import ContractError

Floats = NDArray[np.float64]
"""Figures, scores and probabilities."""
Floats32 = NDArray[np.float32]
"""Vectors and what a network gives."""
Ints = NDArray[np.int64]
"""Codes, row numbers and counts."""
Flags = NDArray[np.bool_]
"""Masks and yes or no."""
Pixels = NDArray[np.uint8]
"""Pictures, (..., height, width, 3) RGB."""
Strings = NDArray[np.str_]
"""Ids and names."""


def matrix(lists: pa.ChunkedArray | pa.Array, width: int | None = None, name: str = "the column") -> Floats32:
    """Rows of a column of equally long lists of numbers.

    Parameters
    ----------
    lists
        (N,) lists of numbers.
    width
        Length that every list must have; None: the same, whatever it is.
    name
        ``table.column``, for the error.

    Returns
    -------
    ndarray
        (N, width); (0, width or 0) for an empty column.

    Raises
    ------
    ContractError
        A list has another length or is null.

    Examples
    --------
    >>> matrix(pa.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    joined = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    if not len(joined):
        return np.zeros((0, width or 0), np.float32)
    lengths = pc.unique(pc.list_value_length(joined)).to_pylist()
    if len(lengths) != 1 or lengths[0] is None:
        raise ContractError(
            f"{name} has lists of different lengths: {lengths[:5]}; every row needs one of the same length"
        )
    if width not in (None, lengths[0]):
        raise ContractError(f"{name} has lists of {lengths[0]} numbers, not {width}: it was written by another encoder")
    flat = pc.list_flatten(joined).to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(joined), -1)
