"""One night at a time in a home."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conf.errors import TryAgainError


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home's lock; the kernel lets it go when the process dies, however it dies.

    Raises
    ------
    TryAgainError
        When another process holds it; the message has its process id.
    """
    home.mkdir(parents=True, exist_ok=True)
    place = home / ".lock"
    with place.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise TryAgainError(
                f"Another run is working in {home} (process {holder}). Wait for it, or use another --home."
            ) from error
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
