"""Errors that end a command or a page, each with its exit code and, at the desk, its HTTP status."""


class CoverliftError(Exception):
    """Something a person can mend; the message names the input, what was wrong and what mends it."""

    exit_code = 1
    """Exit code of the command that ends with it."""


class UsageError(CoverliftError):
    """Wrong usage or wrong settings."""

    exit_code = 2


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


class Refused(UsageError):
    """What a person asked of the reviewers' desk is not allowed, or not whole."""

    status = 422
    """HTTP status of the answer."""


class Conflict(Refused):
    """Somebody else was faster."""

    status = 409


class Unknown(Refused):
    """There is no such thing."""

    status = 404


class Forbidden(Refused):
    """The person may not do that."""

    status = 403


class NotSaved(Refused):
    """What was decided together with others was not committed."""

    status = 503


def exit_code_of(error: BaseException) -> int:
    """Exit code of a command that ends with the error; 1 for what is nobody's request.

    Examples
    --------
    >>> exit_code_of(TryAgainError("busy")), exit_code_of(KeyError("x"))
    (75, 1)
    """
    return error.exit_code if isinstance(error, CoverliftError) else CoverliftError.exit_code
