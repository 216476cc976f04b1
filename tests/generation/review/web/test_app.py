"""What the pages refuse: other roles, other sites, other people's tokens, and names that are no hashes."""

import json
from contextlib import contextmanager

import pytest

from benchmarks import made_up_night
from benchmarks.desk_server import PASSWORD, Client, add_people, serving
from conf.settings import Settings
from generation.review.log.database import open_database
from generation.review.web.security import POLICY
from jobs.lake.images import ImageStore
from tests.generation.review.conftest import rows_of


@contextmanager
def running(folder, **review):
    """A desk of six covers in a process of its own."""
    url, settings = f"sqlite:///{folder}/desk.sqlite", Settings.model_validate({"review": review})
    database = open_database(url, folder)
    made_up_night.fill(database, 6, images=ImageStore(str(folder / "images")))
    add_people(database, settings, {"lea": "lead", "ann": "reviewer", "vic": "viewer"})
    with serving(url, folder, settings) as server:
        yield database, server.port
    database.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with running(tmp_path_factory.mktemp("desk")) as found:
        yield found


def lines(database):
    with database.reading() as connection:
        return connection.exec_driver_sql("SELECT who, action, outcome FROM audit ORDER BY id").all()


def test_every_answer_carries_the_headers_and_no_page_has_inline_code(desk):
    _, port = desk
    client = Client(port, "lea")
    for path in ("/queue", "/focus", "/ab", "/people", "/audit", "/results", "/offline", "/nowhere", "/static/desk.js"):
        status, body, headers = client.get(path)
        assert status == (404 if path == "/nowhere" else 200)
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"].startswith("no-")
        if path != "/static/desk.js":
            assert b" style=" not in body
            assert b" onclick=" not in body
            assert b"<script>" not in body


@pytest.mark.parametrize(
    ("name", "method", "path", "status"),
    [
        (None, "GET", "/queue", 303),
        (None, "GET", "/api/cards", 401),
        (None, "GET", f"/img/{'0' * 64}", 303),
        (None, "POST", "/api/decide", 401),
        ("vic", "POST", "/api/decide", 403),
        ("vic", "POST", "/api/undo", 403),
        ("vic", "POST", "/api/takedown", 403),
        ("vic", "GET", "/offline", 403),
        ("ann", "POST", "/bulk/preview", 403),
        ("ann", "POST", "/people", 403),
        ("ann", "GET", "/audit.jsonl", 403),
        ("ann", "GET", "/results", 403),
    ],
)
def test_roles(desk, name, method, path, status):
    database, port = desk
    client = Client(port, name)
    body = json.dumps({"case": 1, "kind": "approve", "key": "k" * 8, "cover": "x", "reason": "x"}).encode()
    body = b"{}" if path.endswith("undo") else body
    sent = {"Content-Type": "application/json", "X-CSRF-Token": client.csrf}
    assert client.ask(method, path, body if method == "POST" else None, sent)[0] == status
    assert rows_of(database)[0].verdict is None


def test_forms_of_other_sites_and_of_other_sessions_are_refused_and_logged(desk):
    database, port = desk
    ann, lea = Client(port, "ann"), Client(port, "lea")
    case, wish = rows_of(database)[0].id, {"kind": "approve", "seen": 0}
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "same-site"},
        {"Origin": None},
        {"X-CSRF-Token": lea.csrf},
        {"X-CSRF-Token": ""},
    ):
        answer = ann.post("/api/decide", {"case": case, "key": "k" * 8, **wish}, **headers)
        assert answer[0] == 403, headers
    assert rows_of(database)[0].verdict is None
    refused = [line for line in lines(database) if line[2] == "refused"]
    assert ("", "cross-site request", "refused") in refused
    assert ("ann", "wrong form token", "refused") in refused


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "../review/desk.sqlite", "0" * 63, "A" * 64, "0" * 64, "", "%00", "ab/../ab"]
)
def test_pictures_are_served_by_hash_only(desk, name):
    _, port = desk
    assert Client(port, "ann").get(f"/img/{name}")[0] == 404


def test_a_picture_never_changes_and_has_the_type_of_its_bytes(desk):
    database, port = desk
    client, row = Client(port, "ann"), rows_of(database)[0]
    status, body, headers = client.get(f"/img/{row.cover_id}")
    assert (status, headers["content-type"], body[:4]) == (200, "image/png", b"\x89PNG")
    assert headers["cache-control"] == "private, max-age=31536000, immutable"


def test_an_unknown_host_is_refused(desk):
    _, port = desk
    assert Client(port).get("/sign-in", {"Host": "evil.example"})[0] == 400


def test_a_proxy_is_believed_only_where_it_is_configured(tmp_path):
    header = {"X-Forwarded-User": "lea"}
    with running(tmp_path / "a", proxy_header="X-Forwarded-User", proxy_addresses=("127.0.0.1",)) as (_, port):
        assert Client(port).get("/people", header)[0] == 200
        assert Client(port).get("/people", {"X-Forwarded-User": "nobody"})[0] == 303
        with pytest.raises(PermissionError, match="403"):
            Client(port, "lea")
    with running(tmp_path / "b", proxy_header="X-Forwarded-User", proxy_addresses=("10.0.0.1",)) as (_, port):
        assert Client(port).get("/people", header)[0] == 303
    with running(tmp_path / "c") as (_, port):
        assert Client(port).get("/people", header)[0] == 303


def test_the_audit_log_is_exported_whole(tmp_path):
    with running(tmp_path) as (database, port):
        lea = Client(port, "lea")
        assert lea.decide(rows_of(database)[0].id, "reject", 0, reason="ugly")[0] == 200
        status, body, _ = lea.get("/audit.jsonl")
        found = [json.loads(line) for line in body.splitlines()]
        assert status == 200
        assert {line["log"] for line in found} == {"audit", "decisions"}
        assert [line["reason"] for line in found if line["log"] == "decisions"] == ["ugly"]
        assert "sign in" in [line["action"] for line in found if line["log"] == "audit"]
        with pytest.raises(PermissionError, match="422"):
            Client(port).sign_in("lea", PASSWORD + "x")
        assert ("lea", "sign in", "refused") in lines(database)
