"""Which subjects may be learned from, which choose settings, and which only report.

A subject's bucket is a hash of its code, so it is the same in every process, on every
machine and in every version of the picture pack.
"""

import hashlib
from typing import Literal

Split = Literal["held_out", "validation", "train"]
"""The three uses a subject can have."""

N_BUCKETS = 8

HELD_OUT = 0
"""Bucket of the subjects that no model is trained on and no setting is chosen by."""

VALIDATION = 1
"""Bucket of the subjects that no model is trained on, and that settings are chosen by."""


def bucket(code: str) -> int:
    """SHA-256 of the subject's code modulo 8.

    Parameters
    ----------
    code
        Normalised emoji code: lower case, without ``fe0f`` parts and leading zeros.

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
    return int(hashlib.sha256(code.encode()).hexdigest(), 16) % N_BUCKETS


def split_of(code: str) -> Split:
    """Use of a subject: ``held_out`` (bucket 0), ``validation`` (1) or ``train`` (2 to 7).

    Examples
    --------
    >>> split_of("23-20e3")
    'train'
    """
    remainder = bucket(code)
    if remainder == HELD_OUT:
        return "held_out"
    return "validation" if remainder == VALIDATION else "train"
