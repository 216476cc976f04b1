"""Errors that end a command, each with the exit code of ``coverlift``."""

from conf.errors import CoverliftError, UsageError

__all__ = [
    "ContractError",
    "CorruptImage",
    "CoverliftError",
    "GateError",
    "MissingTable",
    "NothingToDo",
    "TryAgainError",
    "UsageError",
]


class ContractError(CoverliftError):
    """The input breaks its contract."""

    exit_code = 3


class GateError(CoverliftError):
    """A quality gate said no."""

    exit_code = 4


class TryAgainError(CoverliftError):
    """Something outside is busy or down; the same command may work later."""

    exit_code = 75


class NothingToDo(CoverliftError):
    """There was nothing to do: an outcome, not a fault."""

    exit_code = 99


class MissingTable(UsageError):
    """A table that an earlier stage should have written is not there."""


class CorruptImage(ContractError):
    """A stored picture's bytes no longer have the SHA-256 they are stored under."""
