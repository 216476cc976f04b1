"""An MLflow tracking server by its REST API (https://mlflow.org/docs/latest/rest-api.html), by ``requests`` alone.

MLflow's own client would bring some thirty packages for a dozen calls.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from conf.errors import TryAgainError, UsageError

API, ARTIFACTS = "api/2.0/mlflow", "api/2.0/mlflow-artifacts/artifacts"
PATIENCE_S = (10.0, 120.0)
"""To connect, and for an answer."""
AT_ONCE = 100
"""Parameters, tags or metrics of one call: what the server takes."""
TEMPORARY = (408, 429, 500, 502, 503, 504)
"""HTTP statuses that the same call may not meet again."""
MISSING = "RESOURCE_DOES_NOT_EXIST"


class Tracking:
    """Calls of the API. Whoever it signs in as stands in MLflow's own environment variables.

    Parameters
    ----------
    uri
        ``http://`` or ``https://``. ``MLFLOW_TRACKING_TOKEN``, or ``MLFLOW_TRACKING_USERNAME`` and
        ``MLFLOW_TRACKING_PASSWORD``, are sent where they are set.

    Raises
    ------
    UsageError
        When it is no web address.
    """

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"--tracking-uri {uri} is no address of a tracking server: give http:// or https://.")
        self.uri, self.session = uri.rstrip("/"), requests.Session()
        token, name = os.environ.get("MLFLOW_TRACKING_TOKEN"), os.environ.get("MLFLOW_TRACKING_USERNAME")
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"
        elif name:
            self.session.auth = (name, os.environ.get("MLFLOW_TRACKING_PASSWORD", ""))

    def get(self, call: str, **asked: Any) -> dict[str, Any]:
        """Ask for something; raises as :meth:`post` does."""
        return self._called("GET", f"{API}/{call}", params=asked)

    def find(self, call: str, **asked: Any) -> dict[str, Any] | None:
        """The same, None where the server says that there is no such thing."""
        try:
            return self.get(call, **asked)
        except _NotThere:
            return None

    def post(self, call: str, **told: Any) -> dict[str, Any]:
        """Tell something.

        Raises
        ------
        TryAgainError
            When the server does not answer, or says that it is busy.
        UsageError
            When it refuses; the message has its words.
        """
        return self._called("POST", f"{API}/{call}", json=told)

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[Mapping[str, Any]] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add metrics, parameters and tags to a run, as many calls as that takes."""
        told: dict[str, list[Any]] = {
            "metrics": list(metrics),
            "params": as_pairs(params or {}),
            "tags": as_pairs(tags or {}),
        }
        for kind, entries in told.items():
            for start in range(0, len(entries), AT_ONCE):
                self.post("runs/log-batch", run_id=run_id, **{kind: entries[start : start + AT_ONCE]})

    def upload(self, root: str, name: str, data: bytes | Path) -> None:
        """Keep a file below a run's ``artifact_uri``, in place of one of that name.

        Raises
        ------
        UsageError
            When the server does not take artifacts itself.
        """
        scheme, _, place = root.partition(":/")
        if scheme != "mlflow-artifacts":
            raise UsageError(
                f"The server keeps artifacts at {root}, where only its clients can write: start it with "
                "--serve-artifacts (the default) and --artifacts-destination, and take a new experiment."
            )
        path = quote(f"{urlsplit(root).path.strip('/') if '//' in root else place.strip('/')}/{name}")
        if isinstance(data, bytes):
            self._called("PUT", f"{ARTIFACTS}/{path}", data=data)
        else:
            with data.open("rb") as stream:
                self._called("PUT", f"{ARTIFACTS}/{path}", data=stream)

    def _called(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = self.session.request(method, f"{self.uri}/{path}", timeout=PATIENCE_S, **request)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise TryAgainError(f"The tracking server {self.uri} does not answer: {error}") from error
        if answer.status_code in TEMPORARY:
            raise TryAgainError(f"The tracking server {self.uri} answered {answer.status_code} to {path}.")
        told = _json_of(answer)
        if answer.ok and told is not None:
            return told
        if told is None:
            raise UsageError(f"{self.uri} is no MLflow tracking server: it answered {answer.status_code} to {path}.")
        code, words = told.get("error_code", answer.status_code), str(told.get("message", ""))[:500]
        raise (_NotThere if code == MISSING else UsageError)(f"The tracking server refused {path}: {code} {words}")


class _NotThere(UsageError):
    """There is no such thing on the server."""


def _json_of(answer: requests.Response) -> dict[str, Any] | None:
    """What was answered; empty where nothing was, None where it is no JSON object."""
    if not answer.content:
        return {} if answer.ok else None
    try:
        told = answer.json()
    except requests.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None


def as_pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Keys and values as the API has them.

    Examples
    --------
    >>> as_pairs({"ds": "2026-03-29"})
    [{'key': 'ds', 'value': '2026-03-29'}]
    """
    return [{"key": key, "value": value} for key, value in values.items()]
