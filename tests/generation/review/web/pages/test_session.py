import json

from benchmarks.desk_server import Client
from tests.generation.review.web.test_app import running


def test_a_page_asks_who_it_belongs_to(desk):
    ann = Client(desk[1], "ann")
    status, body, headers = ann.get("/api/me")
    assert (status, json.loads(body)) == (200, {"name": "ann", "role": "reviewer", "csrf": ann.csrf})
    assert headers["cache-control"] == "no-store"
    assert Client(desk[1]).get("/api/me")[0] == 401


def test_behind_a_proxy_the_token_of_before_a_restart_is_asked_for_anew(tmp_path):
    """The token follows from a secret of the process: a new process has another."""
    proxy = {"proxy_header": "X-Forwarded-User", "proxy_addresses": ["127.0.0.1"]}
    found = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with running(tmp_path / name, **proxy) as (_, port):
            ann = Client(port)
            found.append(json.loads(ann.get("/api/me", {"X-Forwarded-User": "ann"})[1])["csrf"])
            wish = {"case": 1, "kind": "approve", "seen": 0, "key": "k" * 8}
            ann.csrf = found[0]
            status = ann.post("/api/decide", wish, **{"X-Forwarded-User": "ann"})[0]
            assert status == (200 if name == "first" else 403)
    assert found[0] != found[1]
