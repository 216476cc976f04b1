"""Nights in a real MLflow server (``make mlflow``): there once, up to date, and the latest champion leads."""

import os
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from jobs.export.client import Tracking
from jobs.export.mlflow import export_night
from tests.jobs.export.conftest import SETTINGS
from tests.support.runs.command import call

ROOT = Path(__file__).parents[3]
MLFLOW = Path(os.environ.get("MLFLOW_VENV", ROOT / ".venv-mlflow")) / "bin" / "mlflow"
PATIENCE_S = 120
NOW = datetime(2026, 3, 30, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """Address of an empty server of its own."""
    assert MLFLOW.is_file(), f"{MLFLOW} is missing: `make mlflow` installs it, or MLFLOW_VENV names another"
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [MLFLOW, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/db", "--artifacts-destination", str(folder / "artifacts")]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    address = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
    try:
        until = time.monotonic() + PATIENCE_S
        while not answers(address):
            assert time.monotonic() < until, (folder / "log").read_text()
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def answers(address):
    try:
        return requests.get(f"{address}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


def export(ctx, uri, experiment, minute=0):
    now = NOW + timedelta(minutes=minute)
    return export_night(ctx, Tracking(uri), experiment=experiment, model=f"reward-{experiment}", now=now)


def runs_of(uri, experiment):
    """Name -> run of those that are active."""
    tracking = Tracking(uri)
    found = tracking.get("experiments/get-by-name", experiment_name=experiment)["experiment"]["experiment_id"]
    runs = tracking.post("runs/search", experiment_ids=[found], max_results=100)["runs"]
    names = [run["info"]["run_name"] for run in runs]
    assert len(set(names)) == len(names), f"twice: {names}"
    return dict(zip(names, runs, strict=True))


def values(run, kind):
    return {each["key"]: each["value"] for each in run["data"].get(kind, [])}


@pytest.mark.soak
def test_a_night_is_there_once_and_brought_up_to_date(uri, by_hand):
    first = export(by_hand.night(), uri, "once")
    assert (first.stages, first.figures, first.model_version, first.is_champion) == (2, 2, "1", True)
    assert export(by_hand.night(), uri, "once") == first
    before = runs_of(uri, "once")
    assert set(before) == {"night 2026-03-29", "plan 2026-03-29", "train-reward 2026-03-29", "reward model aaaa"}
    night, plan = before["night 2026-03-29"], before["plan 2026-03-29"]
    assert values(night, "params").items() >= {"reward.epochs": "4", "reward.seed": "11"}.items()
    assert values(night, "metrics")["generated.wndcg_at_10.lift"] == 0.25
    assert values(plan, "tags")["mlflow.parentRunId"] == night["info"]["run_id"]
    assert plan["info"]["end_time"] - plan["info"]["start_time"] == 4 * 60 * 1000

    again = export(by_hand.night(lift=0.125, failed=True), uri, "once", minute=1)
    assert again.run_id == first.run_id
    run = runs_of(uri, "once")["night 2026-03-29"]
    assert (values(run, "metrics")["generated.wndcg_at_10.lift"], run["info"]["status"]) == (0.125, "FAILED")

    other = export(by_hand.night(settings={**SETTINGS, "reward": {"epochs": 5}}), uri, "once", minute=2)
    run = runs_of(uri, "once")["night 2026-03-29"]
    assert run["info"]["run_id"] == other.run_id != first.run_id
    assert {"reward.epochs": "5"}.items() <= values(run, "params").items()
    assert other.model_version == "1"


@pytest.mark.soak
def test_the_champion_of_the_latest_night_leads_and_its_files_are_whole(uri, by_hand):
    export(by_hand.night("2026-03-28", model="aaaa"), uri, "lead")
    latest = export(by_hand.night("2026-03-29", model="bbbb"), uri, "lead")
    assert (latest.model_version, latest.is_champion) == ("2", True)
    backfilled = export(by_hand.night("2026-03-27", model="cccc"), uri, "lead")
    assert (backfilled.model_version, backfilled.is_champion) == ("3", False)
    asked = {"name": "reward-lead", "alias": "champion"}
    leader = Tracking(uri).get("registered-models/alias", **asked)["model_version"]
    assert leader["version"] == "2"
    place = leader["source"].removeprefix("mlflow-artifacts:/")
    kept = requests.get(f"{uri}/api/2.0/mlflow-artifacts/artifacts/{place}/model.safetensors", timeout=30)
    assert kept.content == b"bbbb" * 1000


@pytest.mark.soak
def test_the_command_says_what_stands_there_now(uri, by_hand):
    ctx = by_hand.night()
    done = call(
        "export", "mlflow", "--tracking-uri", uri, "--home", ctx.home, "--experiment", "said", "--model", "it's"
    )
    assert done.exit_code == 0, done.output
    assert "2 stages, 2 figures" in done.output
    assert "Reward model it's, version 1: champion." in done.output


def test_a_server_that_is_not_there_is_tried_again_later(by_hand):
    done = call("export", "mlflow", "--tracking-uri", "http://127.0.0.1:9", "--home", by_hand.night().home)
    assert (done.exit_code, "does not answer" in " ".join(done.output.split())) == (75, True)
