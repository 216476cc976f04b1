"""OpenLineage events: read back from the file, and by a server on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from conf.errors import GateError
from jobs.lake.context import StageResult
from jobs.observation.lineage import Lineage
from jobs.observation.observers import Observers
from jobs.stages import STAGES
from tests.support.worlds import tiny

BEGIN = datetime(2026, 3, 29, 2, tzinfo=UTC)


@contextmanager
def collector() -> Iterator[tuple[str, list[dict]]]:
    """A server that keeps what is posted to it."""
    seen: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def night(lineage, stages, versions):
    """Run made-up stages: each writes its tables once more."""
    observers = Observers([lineage], clock=lambda: BEGIN)
    for stage in stages:
        attempt = observers.begin(tiny.DS, stage.name, {table: versions.get(table, -1) for table in stage.reads})
        for table in stage.writes:
            versions[table] = versions.get(table, -1) + 1
        written = {table: versions[table] for table in stage.writes}
        observers.done(attempt, StageResult(rows=dict.fromkeys(stage.writes, 7)), written)


def origins(events, table, version):
    """Every (table, version, stage) that a version of a table came from, by the events alone."""
    found = set()
    for event in events:
        made = {each["name"]: each["facets"]["version"]["datasetVersion"] for each in event["outputs"]}
        if event["eventType"] == "COMPLETE" and made.get(table) == version:
            for each in event["inputs"]:
                before = (each["name"], each["facets"]["version"]["datasetVersion"], event["job"]["name"])
                if before not in found:
                    found |= {before, *origins(events[: events.index(event)], before[0], before[1])}
    return found


def test_what_a_published_cover_came_from_follows_from_the_events_alone(make_context, tmp_path):
    lake = make_context(ds=tiny.DS).lake
    file = tmp_path / "logs" / "lineage.jsonl"
    lineage, versions = Lineage(lake, namespace="coverlift", file=str(file)), {}
    stages = [stage for stage in STAGES if stage.source is None]
    night(lineage, stages, versions)
    night(lineage, stages, versions)
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 2 * len(stages)
    newest = max(
        each["facets"]["version"]["datasetVersion"]
        for event in events for each in event["outputs"] if each["name"] == "published_covers"
    )  # fmt: skip
    found = origins(events, "published_covers", newest)
    assert {table for table, _, _ in found} >= {"generated_covers", "generation_plan", "segments", "impressions"}
    assert ("generation_plan", "1", "generate") in found
    first_night = origins(events[: len(events) // 2], "published_covers", "0")
    assert {version for table, version, _ in first_night if table == "generation_plan"} == {"0"}
    (table,) = [each for each in events[1]["outputs"] if each["name"] == "impressions"]
    assert table["namespace"] == lake.url
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 7
    assert {"name": "ds", "type": "string"}.items() <= table["facets"]["schema"]["fields"][0].items()


def test_a_failure_says_why_and_a_server_gets_the_same_events(make_context):
    lake = make_context(ds=tiny.DS).lake
    with collector() as (url, seen):
        observers = Observers([Lineage(lake, namespace="team", url=url)], clock=lambda: BEGIN + timedelta(seconds=1))
        attempt = observers.begin(tiny.DS, "publish", {"generated_covers": 4})
        observers.failed(attempt, GateError("no cover has a safety score"))
    assert [event["eventType"] for event in seen] == ["START", "FAIL"]
    assert {event["run"]["runId"] for event in seen} == {attempt.run_id}
    assert {event["job"]["namespace"] for event in seen} == {"team"}
    assert seen[1]["run"]["facets"]["errorMessage"]["message"] == "GateError: no cover has a safety score"
    assert seen[0]["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2026-03-29T00:00:00Z"


def test_a_server_that_does_not_answer_stops_no_night(make_context, caplog):
    lake = make_context(ds=tiny.DS).lake
    with collector() as (url, _):
        pass
    observers = Observers([Lineage(lake, namespace="team", url=url)])
    observers.begin(tiny.DS, "publish", {})
    assert "Lineage was not told that publish began" in caplog.text


@pytest.mark.parametrize("file", ["", "lineage.jsonl"])
def test_nothing_is_sent_where_nothing_is_named(make_context, tmp_path, file):
    lineage = Lineage(make_context(ds=tiny.DS).lake, namespace="n", file=str(tmp_path / file) if file else "")
    assert len(lineage.clients) == bool(file)
