"""Opening the desk's database: SQLite or PostgreSQL, migrated to this version before anything is read."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from conf.errors import CoverliftError, NotSaved, TryAgainError, UsageError
from generation.review.log.sealing.seal import Seal
from generation.review.log.sealing.sealed_facts import start
from jobs.lake.context import Context

HERE = Path(__file__).parent
LOCK = 0x636F7665
"""Number of the PostgreSQL advisory lock that writers of the log take in turn."""
DRIVER = "postgresql+pg8000"
SHARED = 32
"""Writers that share a commit, at most."""


def default_url(home: Path) -> str:
    """SQLite under the home."""
    return f"sqlite:///{home / 'review' / 'desk.sqlite'}"


def in_use(url: str | None, home: Path) -> bool:
    """Whether there is a desk: a database is named, or the home has one."""
    return url is not None or (home / "review" / "desk.sqlite").exists()


def _checked_url(url: str | None, home: Path) -> URL:
    try:
        parsed = make_url(url or default_url(home))
    except SQLAlchemyError as error:
        raise UsageError(f"review.database {url!r} is no database URL: {error}") from error
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise UsageError(f"review.database is {backend}: the desk keeps its state in sqlite:/// or postgresql://")
    return parsed


def open_database(url: str | None, home: Path, key_file: str | None = None) -> "Database":
    """The desk's database, migrated, with the key of its logs, which is made where there is none.

    Parameters
    ----------
    url
        None is SQLite under the home.
    home
        The night's.
    key_file
        None is ``review/desk.key`` under the home.

    Raises
    ------
    UsageError
        When the URL is none of SQLite or PostgreSQL, or the key of the log is not there.
    GateError
        When the key belongs to a log that the database does not hold.
    TryAgainError
        When the database does not answer.
    """
    parsed = _checked_url(url, home)
    if parsed.get_backend_name() == "sqlite":
        Path(parsed.database or "").absolute().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(parsed, connect_args={"timeout": 30, "check_same_thread": False}, pool_size=24)
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(parsed.set(drivername=DRIVER), pool_size=24, max_overflow=16)
    found = Database(engine, Seal(Path(key_file) if key_file else home / "review" / "desk.key"))
    with answering(parsed.render_as_string(hide_password=True)):
        found.migrate()
    return found


def engine_to_look(url: str | None, home: Path) -> Engine:
    """An engine over a desk's database that is in use, as it is: nothing is migrated, no file is written.

    Raises
    ------
    UsageError
        When the URL is none of SQLite or PostgreSQL.
    """
    parsed = _checked_url(url, home)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername=DRIVER))
    file = Path(parsed.database or "").absolute()
    # Beside a running desk its -wal file is read; without one, SQLite would make one only to look.
    how = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "immutable=1"
    return create_engine(f"sqlite:///file:{quote(str(file))}?{how}&uri=true")


def database_of(ctx: Context) -> "Database":
    """The desk's database by a night's settings; see :func:`open_database`."""
    chosen = ctx.settings.review
    return open_database(chosen.database, ctx.home, chosen.key_file)


@contextmanager
def answering(place: str = "The review database") -> Iterator[None]:
    """Turn an error of the database into one that says to try again.

    Raises
    ------
    TryAgainError
        Whatever the database or its driver raised.
    """
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig or error).strip().splitlines()
        raise TryAgainError(
            f"The review database does not answer ({place}: {reason[0] if reason else error}); start it, "
            "check review.database, then run the same command again."
        ) from error
    except OSError as error:
        raise TryAgainError(f"The review database does not answer ({place}: {error}).") from error


@dataclass
class _Batch:
    """A transaction that several writers share, one after the other, and that is committed once."""

    connection: Connection
    members: int = 0
    committed: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


class Database:
    """An engine, with the two kinds of transactions the desk has."""

    def __init__(self, engine: Engine, seal: Seal) -> None:
        self.engine, self.seal = engine, seal
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._queued = 0
        self._batch: _Batch | None = None
        event.listen(engine, "before_cursor_execute", _count_writes)
        event.listen(engine, "connect", lambda _, record: record.info.update(seal=seal))

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read-only look at one state of the data."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Connection]:
        """A transaction that no other writer of the log overlaps; it is committed when this returns.

        Writers that wait for each other share a commit: whoever is followed by another leaves the
        transaction open for it, and all return when the last one has committed (group commit, D. DeWitt
        et al., Implementation Techniques for Main Memory Database Systems, 1984). Nobody returns before.

        Parameters
        ----------
        alone
            Share with nobody: for what takes long or changes tables.

        Raises
        ------
        NotSaved
            When the shared transaction was rolled back because of another writer.
        """
        with self._my_turn():
            if alone and self._batch is not None:
                self._finish(self._batch)
            batch = self._batch or self._begin()
            before = batch.connection.info["writes"]
            try:
                yield batch.connection
            except BaseException as error:
                if not isinstance(error, CoverliftError) or batch.connection.info["writes"] != before:
                    self._abandon(batch, error)
                elif alone or not self._queued or not batch.members:
                    self._finish(batch)
                raise
            batch.members += 1
            if alone or not self._queued or batch.members >= SHARED:
                self._finish(batch)
        batch.committed.wait()
        if batch.error is not None:
            raise NotSaved("The desk was interrupted; nothing was saved. Try again.") from batch.error

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        with self._counting:
            self._queued += 1
        try:
            self._turn.acquire()
        finally:
            with self._counting:
                self._queued -= 1
        try:
            yield
        finally:
            self._turn.release()

    def _begin(self) -> _Batch:
        connection = self.engine.connect()
        try:
            if self.is_sqlite:
                connection = connection.execution_options(exclusive=True)
            connection.begin()
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        except BaseException:
            connection.close()
            raise
        connection.info["writes"] = 0
        connection.info["heads"] = {}
        self._batch = _Batch(connection)
        return self._batch

    def _finish(self, batch: _Batch) -> None:
        """Commit; when that fails, nobody of the batch is told that it worked."""
        try:
            batch.connection.commit()
        except BaseException as error:
            self._abandon(batch, error)
            raise
        self._batch = None
        try:
            self.seal.saw(batch.connection.info["heads"])
        finally:
            batch.connection.close()
            batch.committed.set()

    def _abandon(self, batch: _Batch, error: BaseException) -> None:
        self._batch = None
        batch.error = error
        batch.committed.set()
        batch.connection.close()

    def migrate(self) -> None:
        """Bring the tables to this version and give the logs their key; two servers that start at once take turns."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(HERE / "migrations"))
        with self.writing(alone=True) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            start(connection, self.seal, datetime.now(UTC))

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _count_writes(
    connection: Connection, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
) -> None:
    if statement.lstrip()[:6].upper() != "SELECT":
        connection.info["writes"] = connection.info.get("writes", 0) + 1


def _tune_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's "begin" event below begins, not the driver
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "mmap_size=268435456"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    exclusive = connection.get_execution_options().get("exclusive", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if exclusive else "BEGIN")
