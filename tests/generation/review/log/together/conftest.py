"""People who act on a desk of covers of two: ``people``."""

from tests.support.desk.acting import people  # noqa: F401
