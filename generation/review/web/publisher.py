"""Publishing from the desk: sync and publish in a thread of their own, one at a time, by hand or by a timer."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from generation.review.log import audit
from generation.review.log.database import Database
from generation.review.log.live import Published, waiting
from generation.review.log.load import load_night
from jobs.lake.context import Context

logger = logging.getLogger(__name__)


class Publisher:
    """Brings what people decided into the feed.

    Parameters
    ----------
    database
        The desk's.
    publish
        Runs sync and publish of a night and says what came of it; None where this desk does not publish.
    """

    def __init__(self, database: Database, publish: Callable[[date], str] | None) -> None:
        self.database = database
        self.publish = publish
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self.said = ""
        """What came of the last one."""

    @property
    def offered(self) -> bool:
        """Whether this desk publishes at all."""
        return self.publish is not None

    @property
    def busy(self) -> bool:
        """Whether it is publishing now."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, ds: date, by: str, now: datetime) -> bool:
        """Begin, unless it is busy; returns whether it began."""
        with self._turn:
            if self.busy or self.publish is None:
                return False
            self._thread = threading.Thread(target=self._run, args=(self.publish, ds, by, now), daemon=True)
            self._thread.start()
            return True

    def _run(self, publish: Callable[[date], str], ds: date, by: str, now: datetime) -> None:
        try:
            self.said, outcome = publish(ds), "done"
        except Exception as error:
            logger.exception("publishing %s", ds)
            self.said, outcome = f"Nothing was published: {error}"[:500], "failed"
        audit.note(
            self.database, who=by, address="", action="publish", about=f"{ds}: {self.said}", outcome=outcome, now=now
        )

    def wait(self, seconds: float = 600) -> None:
        """Until it is not busy."""
        if self._thread is not None:
            self._thread.join(seconds)


class Watch:
    """A thread that brings new nights, policy answers and scores to the desk, and publishes when it is time.

    Parameters
    ----------
    database, ctx
        The desk's, and the night that was opened.
    published, publisher
        What the feed shows, and what changes it.
    """

    EVERY = 30.0
    """Seconds between two looks at the lake."""

    def __init__(self, database: Database, ctx: Context, published: Published, publisher: Publisher) -> None:
        self.database, self.ctx, self.published, self.publisher = database, ctx, published, publisher
        self.newest = ctx.ds
        """The night that the desk shows first."""
        self._before = ctx.lake.partitions("generated_covers")
        self._last_publish: datetime | None = None
        self._over = threading.Event()

    def start(self) -> None:
        """Look every :data:`EVERY` seconds until :meth:`stop`."""
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """End the thread after its current look."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self.EVERY):
            try:
                self.look(datetime.now(UTC))
            except Exception:  # the lake or the database may be away for a while; the next look may be luckier
                logger.exception("looking for new nights")

    def look(self, now: datetime) -> None:
        """Load what changed: the nights that were shown, and those that came since the desk was started."""
        came = {ds for ds in self.ctx.lake.partitions("generated_covers") - self._before if ds > str(self.ctx.ds)}
        for ds in sorted({self.ctx.ds.isoformat(), *came}):
            day = date.fromisoformat(ds)
            load_night(self.database, replace(self.ctx, ds=day))
            self.newest = max(self.newest, day)
        minutes = self.ctx.settings.review.publish_minutes
        if minutes is None or not self.publisher.offered:
            return
        if self._last_publish is not None and now - self._last_publish < timedelta(minutes=minutes):
            return
        ds = self.newest.isoformat()
        with self.database.reading() as connection:
            found = waiting(connection, ds, self.published.of(ds))
        if (found["comes"] or found["goes"]) and self.publisher.start(self.newest, "timer", now):
            self._last_publish = now
