"""Why the desk does not do what a person asked for; each is an answer of the page, too."""

from conf.errors import UsageError


class Refused(UsageError):
    """What was asked for is not allowed, or not whole."""

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
