"""The hook, to a real listener on the loopback and to a real program."""

import json
import sys
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sqlalchemy import select

from benchmarks import made_up_night
from conf.review import ReviewSettings
from generation.review.log.database import open_database
from generation.review.log.schema import audit, notices
from generation.review.web.together.hook import Hook
from tests.generation.review.conftest import NOW


class Listener(HTTPServer):
    """Keeps what it gets and answers with ``status``."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got, self.status = [], 204
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/desk"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def listener():
    with Listener() as found:
        yield found
        found.shutdown()


@pytest.fixture
def database(tmp_path):
    found = open_database(f"sqlite:///{tmp_path}/desk.sqlite", tmp_path)
    yield found
    found.close()


def told(database):
    with database.reading() as connection:
        rows = connection.execute(select(notices).where(notices.c.key != "start").order_by(notices.c.key)).all()
    return [(row.key, row.tries, row.outcome) for row in rows]


def test_a_listener_gets_it_once_it_answers(database, listener):
    hook = Hook(database, ReviewSettings(hook_url=listener.url, public_url="https://review.example"))
    assert hook.look(NOW) == 0
    made_up_night.fill(database, 3)
    for status, minute in ((500, 0), (302, 1)):
        listener.status = status
        assert hook.look(NOW + timedelta(minutes=minute)) == 0
        assert hook.look(NOW + timedelta(minutes=minute, seconds=5)) == 0
    assert len(listener.got) == 2  # not again at once
    listener.status = 204
    assert hook.look(NOW + timedelta(minutes=2)) == 1
    assert hook.look(NOW + timedelta(minutes=3)) == 0
    assert listener.got[-1]["url"] == f"https://review.example/queue?ds={made_up_night.DS}"
    assert {each["id"] for each in listener.got} == {f"night:{made_up_night.DS}"}
    assert told(database)[0][2] == "done"


def test_a_program_gets_it_on_its_standard_input(database, tmp_path):
    keep = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read())"
    settings = ReviewSettings(hook_command=(sys.executable, "-c", keep, str(tmp_path / "told")))
    hook = Hook(database, settings)
    hook.look(NOW)
    made_up_night.fill(database, 3)
    assert hook.look(NOW) == 1
    assert json.loads((tmp_path / "told").read_text())["event"] == "night"


@pytest.mark.parametrize("command", [(sys.executable, "-c", "exit(1)"), ("/no/such/program",)])
def test_a_program_that_fails_is_tried_again(database, command):
    hook = Hook(database, ReviewSettings(hook_command=command))
    hook.look(NOW)
    made_up_night.fill(database, 3)
    assert hook.look(NOW) == 0
    ((key, tries, outcome),) = told(database)
    assert (key, tries) == (f"night:{made_up_night.DS}", 1)
    assert "Error" in outcome
    for day in range(1, 21):
        hook.look(NOW + timedelta(days=day))
    with database.reading() as connection:
        assert connection.execute(select(audit.c.object).where(audit.c.action == "hook")).scalars().all() == [
            f"night:{made_up_night.DS}: given up"
        ]


def test_a_thread_tells_and_ends_and_without_a_listener_there_is_none(database, listener):
    hook = Hook(database, ReviewSettings(hook_url=listener.url))
    hook.look(NOW)
    made_up_night.fill(database, 3)
    hook.start()
    for _ in range(200):
        if listener.got:
            break
        threading.Event().wait(0.05)
    hook.stop()
    assert [each["event"] for each in listener.got][:1] == ["night"]
    silent = Hook(database, ReviewSettings())
    silent.start()
    silent.stop()
    with database.reading() as connection:
        assert connection.execute(select(notices.c.key).where(notices.c.key == "start")).first() is None
