"""Answers that a tracking server gives, from a server on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from conf.errors import TryAgainError, UsageError
from jobs.export.client import Tracking


@pytest.fixture
def server():
    """``(tracking URI, answers by path, requests seen)``; an answer is a status and a body."""
    answers, seen = {}, []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append((self.path.partition("?")[0], body, self.headers.get("Authorization")))
            status, told = answers.get(self.path.partition("?")[0].rpartition("/")[2], (200, b"{}"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_PUT = do_POST

        def log_message(self, *_):
            pass

    found = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{found.server_port}/", answers, seen
    found.shutdown()
    thread.join()
    found.server_close()


def refusal(code, words):
    return json.dumps({"error_code": code, "message": words}).encode()


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((503, b"busy"), TryAgainError, "answered 503"),
        ((429, refusal("REQUEST_LIMIT_EXCEEDED", "slow down")), TryAgainError, "answered 429"),
        ((400, refusal("INVALID_PARAMETER_VALUE", "no such run")), UsageError, "INVALID_PARAMETER_VALUE no such run"),
        ((200, b"<html>"), UsageError, "is no MLflow tracking server"),
        ((404, b"<html>"), UsageError, "is no MLflow tracking server"),
        ((401, b""), UsageError, "answered 401"),
    ],
)
def test_an_answer_that_is_no_success_says_what_to_do(server, answer, kind, said):
    uri, answers, _ = server
    answers["search"] = answer
    with pytest.raises(kind, match=said):
        Tracking(uri).post("runs/search")


def test_what_is_not_there_is_none(server):
    uri, answers, _ = server
    answers["get"] = (404, refusal("RESOURCE_DOES_NOT_EXIST", "gone"))
    assert Tracking(uri).find("registered-models/get", name="m") is None


def test_a_server_that_does_not_answer_is_tried_again_later_and_a_wrong_address_is_not():
    with pytest.raises(TryAgainError, match="does not answer"):
        Tracking("http://127.0.0.1:9").get("experiments/get-by-name")
    with pytest.raises(UsageError, match="is no address"):
        Tracking("sqlite:///mlflow.db")


def test_much_is_told_in_as_many_calls_as_it_takes_and_by_whom(server, monkeypatch):
    uri, _, seen = server
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    Tracking(uri).log("r", params={f"p{number}": "1" for number in range(250)}, tags={"a": "b"})
    bodies = [json.loads(body) for _, body, _ in seen]
    assert [len(body.get("params", [])) for body in bodies] == [100, 100, 50, 0]
    assert bodies[3]["tags"] == [{"key": "a", "value": "b"}]
    assert {who for _, _, who in seen} == {"Bearer secret"}


@pytest.mark.parametrize("root", ["mlflow-artifacts:/1/run/artifacts", "mlflow-artifacts://host:5000/1/run/artifacts"])
def test_files_go_where_the_server_keeps_them(server, tmp_path, root):
    uri, _, seen = server
    (tmp_path / "weights").write_bytes(b"1234")
    Tracking(uri).upload(root, "model/we ights", tmp_path / "weights")
    assert seen == [("/api/2.0/mlflow-artifacts/artifacts/1/run/artifacts/model/we%20ights", b"1234", None)]


def test_a_place_that_the_server_does_not_write_to_is_refused():
    with pytest.raises(UsageError, match="--serve-artifacts"):
        Tracking("http://127.0.0.1:9").upload("s3://bucket/1/run", "a", b"")
