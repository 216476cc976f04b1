"""Guessing, the one-time link, bodies of strangers, and headers of proxies: over real HTTP and both databases."""

import json
import secrets
import socket
import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import func, insert, select

from benchmarks.desk_server import PASSWORD, QUICK, Client, add_people, serving
from conf.errors import Forbidden, Refused
from conf.review import ReviewSettings
from conf.settings import Settings
from generation.review.log.database import open_database
from generation.review.log.schema import accounts, audit, signins
from generation.review.log.sealing.chain import stamp
from generation.review.web.accounts import Accounts, TooMany
from tests.generation.review.conftest import NOW


class Counting:
    """The hasher of tests, which counts what it is asked."""

    def __init__(self):
        self.checked, self.lock = 0, threading.Lock()

    def hash(self, password):
        return QUICK.hash(password)

    def verify(self, known, password):
        with self.lock:
            self.checked += 1
        return QUICK.verify(known, password)


def at_once(number, body):
    """What each of the threads that start together returned or raised."""
    outcomes, barrier = [], threading.Barrier(number)

    def run(place):
        barrier.wait()
        try:
            outcomes.append(body(place))
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return outcomes


def test_of_two_hundred_guesses_at_once_five_are_checked(make_desk):
    hasher = Counting()
    people = Accounts(make_desk(0), ReviewSettings(), hasher)
    people.put("ann", "reviewer", PASSWORD, NOW)
    outcomes = at_once(200, lambda place: people.sign_in("ann", f"guess {place}", f"10.0.{place}.1", NOW))
    assert hasher.checked == 5
    assert sum(type(each) is TooMany for each in outcomes) == 195
    assert sum(type(each) is Refused for each in outcomes) == 5


def test_an_address_alone_locks_nobody_out_who_is_known_there(make_desk):
    people = Accounts(make_desk(0), ReviewSettings(), QUICK)
    people.put("ann", "reviewer", PASSWORD, NOW)
    people.put("bob", "reviewer", PASSWORD, NOW)
    assert people.sign_in("ann", PASSWORD, "10.0.0.1", NOW)
    for guess in range(20):
        with pytest.raises(Refused):
            people.sign_in(f"name{guess}", "wrong", "10.0.0.1", NOW)
    assert people.sign_in("ann", PASSWORD, "10.0.0.1", NOW)
    with pytest.raises(TooMany):
        people.sign_in("bob", PASSWORD, "10.0.0.1", NOW)
    assert people.sign_in("bob", PASSWORD, "10.0.0.2", NOW)


def test_of_eight_who_use_the_one_time_link_at_once_one_is_the_lead(make_desk):
    people = Accounts(make_desk(0), ReviewSettings(), QUICK)
    outcomes = at_once(8, lambda place: people.put_first(f"lead-{'abcdefgh'[place] * 3}", PASSWORD, NOW))
    assert sum(each is None for each in outcomes) == 1
    assert sum(isinstance(each, Forbidden) for each in outcomes) == 7
    with people.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(accounts)).scalar_one() == 1


def test_a_name_that_looks_like_anothers_is_refused(make_desk):
    people = Accounts(make_desk(0), ReviewSettings(), QUICK)
    people.put("bill", "lead", PASSWORD, NOW)
    for name in ("Bill", "biII", "bі1l"):
        with pytest.raises(Refused, match="looks like 'bill'"):
            people.put(name, "reviewer", PASSWORD, NOW)
    people.put("bill", "lead", "another password", NOW)


@contextmanager
def desk(folder, **review):
    url, settings = f"sqlite:///{folder}/desk.sqlite", Settings.model_validate({"review": review})
    database = open_database(url, folder)
    add_people(database, settings, {"ann": "reviewer", "lea": "lead"})
    with serving(url, folder, settings) as server:
        yield database, server.port
    database.close()


def refused(database):
    with database.reading() as connection:
        return list(connection.execute(select(audit.c.action).where(audit.c.outcome == "refused")).scalars())


def test_a_stranger_is_sent_away_before_the_body_is_read_and_bodies_are_small(tmp_path):
    with desk(tmp_path) as (database, port):
        ann = Client(port, "ann")
        for cookie, status in (("", b" 401 "), (ann.cookie, b" 413 ")):
            length = 1000 if not cookie else 31_000_000
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(
                    f"POST /api/decide HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
                    f"Content-Type: application/json\r\nCookie: {cookie}\r\nContent-Length: {length}\r\n\r\n{{".encode()
                )
                line.settimeout(20)
                assert status in line.recv(100)  # while all but one byte of the body is still to come
        big = json.dumps({"case": 1, "kind": "note", "key": "k" * 8, "note": "x" * 300_000}).encode()
        sent = {"Content-Type": "application/json", "X-CSRF-Token": ann.csrf}
        assert ann.ask("POST", "/api/decide", big, sent)[0] == 413
        assert refused(database) == ["no session"]


def test_parallel_guesses_over_the_network(tmp_path):
    with desk(tmp_path) as (database, port):

        def guess(place):
            status, _, _ = Client(port).form(
                "/sign-in", {"name": "ann", "password": f"guess {place} {secrets.token_hex(4)}"}
            )
            return status

        statuses = at_once(40, guess)
        assert sorted(set(statuses)) == [422, 429]
        assert statuses.count(422) == 5
        with database.reading() as connection:
            assert connection.execute(select(func.count()).select_from(signins)).scalar_one() == 5


def test_a_doubled_proxy_header_is_refused(tmp_path):
    with desk(tmp_path, proxy_header="X-Forwarded-User", proxy_addresses=("127.0.0.1",)) as (database, port):
        for second in ("X-Forwarded-User: lea\r\nX-Forwarded-User: ann", "X-Forwarded-User: ann, lea"):
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(
                    f"GET /people HTTP/1.1\r\nHost: 127.0.0.1\r\n{second}\r\nConnection: close\r\n\r\n".encode()
                )
                assert b" 400 " in line.recv(100)
        assert Client(port).get("/people", {"X-Forwarded-User": "lea"})[0] == 200
        assert refused(database) == ["doubled proxy header"] * 2


@pytest.mark.parametrize(
    ("trusted", "header", "expected"),
    [
        ((), "10.9.9.9", "127.0.0.1"),
        (("127.0.0.1",), "10.9.9.9", "10.9.9.9"),
        (("127.0.0.1",), "6.6.6.6, 10.9.9.9", "10.9.9.9"),
        (("127.0.0.0/8", "10.0.0.0/8"), "6.6.6.6, 10.9.9.9", "6.6.6.6"),
        (("127.0.0.1",), "6.6.6.6, nonsense", "127.0.0.1"),
        (("10.0.0.1",), "6.6.6.6", "127.0.0.1"),
    ],
)
def test_where_a_request_comes_from(tmp_path, trusted, header, expected):
    with desk(tmp_path, trusted_proxies=trusted) as (database, port):
        Client(port).form("/sign-in", {"name": "ann", "password": "wrong"}, **{"X-Forwarded-For": header})
        with database.reading() as connection:
            assert connection.execute(select(signins.c.address)).scalars().all() == [expected]


def test_attempts_of_before_count_as_wrong(make_desk):
    people = Accounts(make_desk(0), ReviewSettings(), QUICK)
    people.put("ann", "reviewer", PASSWORD, NOW)
    with people.database.writing() as connection:
        connection.execute(insert(signins), [{"name": "ann", "address": "", "at": stamp(NOW)}] * 5)
    with pytest.raises(TooMany):
        people.sign_in("ann", PASSWORD, "10.0.0.1", NOW.replace(minute=1))
