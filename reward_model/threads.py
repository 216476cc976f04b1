"""Batches side by side, where the operations of one batch are too small to be shared among threads."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

MOST = 8
"""Batches at once, at most: each holds memory of its own."""

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def batches_side_by_side(work: Callable[[Batch], Result], batches: Iterable[Batch]) -> list[Result]:
    """What ``work`` returns for each batch, in their order; as many at once as torch has threads.

    Each runs on one thread, so that results do not depend on how many there are.

    Examples
    --------
    >>> batches_side_by_side(lambda batch: batch + 1, [1, 2])
    [2, 3]
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(min(before, MOST)) as pool:
            return list(pool.map(work, batches))
    finally:
        torch.set_num_threads(before)
