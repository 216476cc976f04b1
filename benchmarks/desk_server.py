"""The reviewers' desk in a process of its own, which can be killed, and a client that behaves like its pages."""

import http.client
import json
import multiprocessing
import os
import re
import secrets
import signal
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import uvicorn
from argon2 import PasswordHasher

from benchmarks.made_up_night import DS
from benchmarks.private_postgres import free_port
from conf.settings import Settings
from generation.review.log.database import Database, open_database
from generation.review.web.accounts import Accounts
from generation.review.web.app import Lakeside, make_app
from jobs.lake.context import Context

PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""For accounts of tests: the desk's own hasher checks these hashes as well."""


def add_people(database: Database, settings: Settings, people: dict[str, str]) -> None:
    """Accounts with :data:`PASSWORD`, by name and role."""
    accounts = Accounts(database, settings.review, QUICK)
    for name, role in people.items():
        accounts.put(name, role, PASSWORD, datetime.now(UTC))


def _serve(url: str, home: Path, settings: Settings, port: int) -> None:
    """What the process runs; takedowns go nowhere, as there is no lake."""
    ctx = Context(ds=date.fromisoformat(DS), home=home, settings=settings)
    app = make_app(open_database(url, home), ctx, Lakeside(take_down=lambda *_: "no lake"))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", proxy_headers=False, timeout_keep_alive=60)


@dataclass
class Server:
    """A running desk."""

    port: int
    process: Any
    start: Callable[[], Any]
    """Starts the process."""

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()

    def restart(self) -> None:
        """Kill it and start it again on the same port; returns when it answers."""
        self.kill()
        self.process = self.start()
        self.wait()

    def wait(self) -> None:
        """Until it answers."""
        for _ in range(600):
            with suppress(OSError):
                Client(self.port).get("/sign-in")
                return
            time.sleep(0.02)


@contextmanager
def serving(url: str, home: Path, settings: Settings | None = None) -> Iterator[Server]:
    """Run a desk on a free port of the loopback; yields when it answers."""
    port = free_port()

    def start() -> Any:
        process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(url, home, settings or Settings(), port), daemon=True
        )
        process.start()
        return process

    server = Server(port, start(), start)
    try:
        server.wait()
        yield server
    finally:
        server.kill()


class Client:
    """A browser's part: keeps the connection and the cookie, sends the origin and the form token."""

    def __init__(self, port: int, name: str | None = None) -> None:
        self.port, self.cookie, self.csrf = port, "", ""
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        if name is not None:
            self.sign_in(name)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers (names in lower case) of an answer."""
        sent = {"Origin": f"http://127.0.0.1:{self.port}", **({"Cookie": self.cookie} if self.cookie else {})}
        sent |= headers or {}
        self.connection.request(method, path, body, {name: value for name, value in sent.items() if value is not None})
        answer = self.connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes, dict[str, str]]:
        """A GET."""
        return self.ask("GET", path, None, headers)

    def form(self, path: str, fields: dict[str, str], **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """A form, with the session's token."""
        body = urllib.parse.urlencode({"csrf": self.csrf, **fields}).encode()
        return self.ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", **headers})

    def post(self, path: str, fields: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
        """What the page's script sends."""
        sent = {"Content-Type": "application/json", "X-CSRF-Token": self.csrf, **headers}
        status, body, _ = self.ask("POST", path, json.dumps(fields).encode(), sent)
        with suppress(json.JSONDecodeError, UnicodeDecodeError):
            return status, json.loads(body)
        return status, {"error": body.decode(errors="replace")}

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        """Open a session.

        Raises
        ------
        PermissionError
            When the desk says no.
        """
        status, body, headers = self.form("/sign-in", {"name": name, "password": password})
        if status != 303:
            raise PermissionError(f"{status}: {body[:200]!r}")
        self.cookie = headers["set-cookie"].split(";")[0]
        found = re.search(rb'name="csrf" content="([^"]+)"', self.get("/queue?tab=mine")[1])
        self.csrf = found[1].decode() if found else ""

    def decide(self, case: int, kind: str, seen: int, **more: Any) -> tuple[int, dict[str, Any]]:
        """One decision, with a key of its own."""
        return self.post("/api/decide", {"case": case, "kind": kind, "seen": seen, "key": secrets.token_hex(8), **more})
