"""The hook: a thread that tells an address or a command what happened at the desk, and tries again where it fails."""

import logging
import subprocess
import threading
from datetime import UTC, datetime

import requests

from conf.review import ReviewSettings
from generation.review.log import audit
from generation.review.log.database import Database
from generation.review.log.sealing.sealed_facts import DESK
from generation.review.log.together import notices

logger = logging.getLogger(__name__)


class Hook:
    """Tells what happened; nobody at the desk waits for it.

    Parameters
    ----------
    database
        The desk's.
    settings
        Without ``hook_url`` and ``hook_command`` nothing is told.
    """

    EVERY = 5.0
    """Seconds between two looks at what happened."""
    PATIENCE = 20.0
    """Seconds for one delivery."""

    def __init__(self, database: Database, settings: ReviewSettings) -> None:
        self.database, self.settings = database, settings
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody listens."""
        return bool(self.settings.hook_url or self.settings.hook_command)

    def start(self) -> None:
        """Begin, where somebody listens; else have what happens from now on passed over."""
        if not self.wanted:
            with self.database.writing() as connection:
                notices.forget_start(connection)
            return
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its current delivery."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(2 * self.PATIENCE)

    def _run(self) -> None:
        while True:
            try:
                self.look(datetime.now(UTC))
            except Exception:  # the database may be away for a while; the next look may be luckier
                logger.exception("telling what happened")
            if self._over.wait(self.EVERY):
                return

    def look(self, now: datetime) -> int:
        """Find what happened and deliver what is due; returns how many were delivered."""
        with self.database.writing() as connection:
            notices.collect(connection, now, hours=self.settings.overdue_hours, link=self._link)
            waiting = notices.due(connection, now)
        told = 0
        for key, body in waiting:
            if self._over.is_set():
                break
            told += self._deliver(key, body, now)
        return told

    def _deliver(self, key: str, body: str, now: datetime) -> bool:
        try:
            self._tell(body)
        except (requests.RequestException, OSError, subprocess.SubprocessError) as error:
            with self.database.writing() as connection:
                given_up = notices.not_delivered(connection, key, f"{type(error).__name__}: {error}", now)
            if given_up:
                about = f"{key}: given up"
                audit.note(self.database, who=DESK, address="", action="hook", about=about, outcome="failed", now=now)
            return False
        with self.database.writing() as connection:
            notices.delivered(connection, key, now)
        return True

    def _tell(self, body: str) -> None:
        data = body.encode()
        if self.settings.hook_url:
            headers = {"Content-Type": "application/json"}
            with requests.post(
                self.settings.hook_url,
                data,
                headers=headers,
                timeout=self.PATIENCE,
                allow_redirects=False,
                stream=True,
            ) as answer:
                if not 200 <= answer.status_code < 300:
                    raise requests.HTTPError(f"it answered {answer.status_code}")
        if self.settings.hook_command:
            command = list(self.settings.hook_command)
            subprocess.run(command, input=data, check=True, capture_output=True, timeout=self.PATIENCE)  # noqa: S603

    def _link(self, path: str) -> str:
        return f"{self.settings.public_url or ''}{path}"
