"""The DAG in a real Airflow (``make airflow``), over a command that ends with the exit codes it is told to end with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.stages import STAGES

ROOT = Path(__file__).parents[3]
AIRFLOW = Path(os.environ.get("AIRFLOW_VENV", ROOT / ".venv-airflow")) / "bin" / "airflow"
NAMES = tuple(stage.name for stage in STAGES if stage.source is None)
"""The stages of a feed of one's own; those that a night leaves out end with 0 or 99."""
DAG = """
import sys
from datetime import timedelta
sys.path.insert(0, {root!r})
from jobs.schedulers.airflow import dag
night = dag(
    home={home!r}, coverlift={command!r}, wait_for={wait!r},
    retries=2, retry_delay=timedelta(seconds=1), max_retry_delay=timedelta(seconds=1),
)
"""
COMMAND = """#!{python}
import json, sys
from pathlib import Path
stage, ds = sys.argv[1], sys.argv[sys.argv.index("--ds") + 1]
with open({log!r}, "a") as log:
    print(json.dumps([stage, ds, sys.argv[2:]]), file=log)
codes = json.loads(Path({codes!r}).read_text()).get(stage, [])
tries = sum(json.loads(line)[:2] == [stage, ds] for line in open({log!r}))
print("said by", stage)
sys.exit(codes[tries - 1] if tries <= len(codes) else 0)
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """Runs the DAG for a day; returns Airflow's exit code and the stages that were called, one entry a try."""
    assert AIRFLOW.is_file(), f"{AIRFLOW} is missing: `make airflow` installs it, or AIRFLOW_VENV names another"
    folder = tmp_path_factory.mktemp("airflow")
    log, codes, command = folder / "log", folder / "codes", folder / "coverlift"
    command.write_text(COMMAND.format(python=sys.executable, log=str(log), codes=str(codes)))
    command.chmod(0o755)
    (folder / "dags").mkdir()
    told = {"root": str(ROOT), "home": str(folder / "home"), "command": str(command), "wait": ""}
    (folder / "dags" / "night.py").write_text(DAG.format(**told))
    environment = {
        **os.environ,
        "PATH": f"{AIRFLOW.parent}:{os.environ['PATH']}",
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
    }
    environment.pop("PYTHONPATH", None)

    def call(*words):
        return subprocess.run([AIRFLOW, *words], env=environment, capture_output=True, text=True, check=False)

    migrated = call("db", "migrate")
    assert migrated.returncode == 0, migrated.stderr[-2000:]

    def night(ds, exit_codes):
        codes.write_text(json.dumps(exit_codes))
        log.write_text("")
        done = call("dags", "test", "coverlift", ds)
        return done, [tuple(json.loads(line)) for line in log.read_text().splitlines()]

    return night


@pytest.mark.soak
def test_what_may_succeed_later_is_tried_again_and_nothing_to_do_stops_nobody(airflow):
    done, called = airflow("2026-03-29", {"encode": [75, 1], "review-sync": [99]})
    assert done.returncode == 0, done.stdout[-3000:]
    assert [stage for stage, _, _ in called] == [name for name in NAMES for _ in range(3 if name == "encode" else 1)]
    assert "said by encode" in done.stdout
    words = called[0][2]
    assert words[:2] == ["--ds", "2026-03-29"]
    assert words[-2:] == ["--log-format", "json"]


@pytest.mark.soak
@pytest.mark.parametrize("code", [2, 3, 4])
def test_what_the_same_again_does_not_mend_is_not_tried_again(airflow, code):
    _, called = airflow("2026-03-28", {"generate": [code] * 9})
    assert [stage for stage, _, _ in called] == list(NAMES[: NAMES.index("generate") + 1]), (
        "nothing after it runs, and it is called once"
    )


@pytest.mark.soak
def test_a_stage_that_never_succeeds_is_given_up_after_its_retries(airflow):
    _, called = airflow("2026-03-27", {"ingest": [75] * 9})
    assert [stage for stage, _, _ in called] == ["ingest"] * 3


@pytest.mark.soak
def test_three_days_are_three_nights(airflow):
    for ds in ("2026-03-24", "2026-03-25", "2026-03-26"):
        _, called = airflow(ds, {})
        assert {day for _, day, _ in called} == {ds}
        assert [stage for stage, _, _ in called] == list(NAMES)
