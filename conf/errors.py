"""Errors that a person can mend by changing what was asked for."""


class CoverliftError(Exception):
    """Something a person can mend; the message names the input, what was wrong and what mends it."""

    exit_code = 1
    """Exit code of the command that ends with it."""


class UsageError(CoverliftError):
    """Wrong usage or wrong settings."""

    exit_code = 2
