"""Which items may be learned from, which choose settings, and which only report.

An item's bucket is a hash of its id, so it is the same in every process, on every machine
and in every version of the data.
"""

import hashlib
from typing import Literal

Split = Literal["held_out", "validation", "train"]
"""The three uses an item can have."""

N_BUCKETS = 8

HELD_OUT = 0
"""Bucket of the items that no model is trained on and no setting is chosen by."""

VALIDATION = 1
"""Bucket of the items that no model is trained on, and that settings are chosen by."""


def bucket(item_id: str) -> int:
    """SHA-256 of the item's id modulo 8.

    Parameters
    ----------
    item_id
        Any text; of a sticker its normalised emoji code: lower case, without ``fe0f`` parts
        and leading zeros.

    Returns
    -------
    int
        0 to 7.

    Examples
    --------
    >>> bucket("1f355")
    1
    >>> bucket("23-20e3")
    2
    """
    return int(hashlib.sha256(item_id.encode()).hexdigest(), 16) % N_BUCKETS


def split_of(item_id: str) -> Split:
    """Use of an item: ``held_out`` (bucket 0), ``validation`` (1) or ``train`` (2 to 7).

    Examples
    --------
    >>> split_of("23-20e3")
    'train'
    """
    remainder = bucket(item_id)
    if remainder == HELD_OUT:
        return "held_out"
    return "validation" if remainder == VALIDATION else "train"
