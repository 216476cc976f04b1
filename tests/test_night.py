"""The whole night of the built-in world in small, through the command, as a user runs it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conf.settings import SparkSettings
from jobs.lake.images import ImageStore
from jobs.lake.lake import Lake
from jobs.stages import STAGES

DS, NEXT = "2026-03-29", "2026-03-30"


def coverlift(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("coverlift")), *words, "--home", str(home), "--profile", "test"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("night")
    done = coverlift("nightly", home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    return home


@pytest.fixture(scope="module")
def lake(night: Path) -> Lake:
    return Lake(str(night / "lake"), SparkSettings())


def test_every_stage_is_done_with_its_settings_and_versions(lake: Lake):
    runs = {row["stage"]: row for row in lake.read("runs", ds=DS).to_pylist()}
    assert set(runs) == {stage.name for stage in STAGES}
    assert {row["status"] for row in runs.values()} == {"done"}
    assert len({row["config_hash"] for row in runs.values()}) == 1
    assert dict(runs["publish"]["tables_written"])["published_covers"] == lake.version("published_covers")


def test_what_is_published_was_approved_is_selected_and_lies_whole_in_the_store(night: Path, lake: Lake):
    published = lake.read("published_covers", ds=DS).to_pylist()
    decisions = {row["decision_id"]: row for row in lake.read("cover_decisions", ds=DS).to_pylist()}
    selected = {row["cover_id"] for row in lake.read("generated_covers", ds=DS).to_pylist() if row["selected"]}
    images = ImageStore(str(night / "images"))
    assert published
    for row in published:
        assert decisions[row["decision_id"]]["decision"] == "approve"
        assert row["cover_id"] in selected
        assert images.get(row["cover_id"])[:4] in (b"RIFF", b"\x89PNG")


def test_new_items_are_shown_on_the_next_day_only(lake: Lake):
    log = lake.read("impressions", columns=["ds", "item_id", "cover_id", "policy"]).to_pandas()
    items = lake.read("items").to_pandas()
    new = set(items.item_id[items.created_at.dt.strftime("%Y-%m-%d") == DS])
    assert new
    assert not set(log.item_id[log.ds <= DS]) & new
    assert set(log.item_id[log.ds == NEXT]) & new
    covers = set(lake.read("published_covers", ds=DS)["cover_id"].to_pylist())
    assert set(log.cover_id[log.ds == NEXT]) & covers


def test_the_report_is_one_page_that_asks_no_network(night: Path):
    folder = night / "reports" / f"ds={DS}"
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href|url\()\s*=?\s*[\"']?(?:https?:)?//", page)
    assert page.count("data:image/") > 5
    assert "imulated" in page
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["figures"]


def test_a_rerun_paints_nothing_and_a_changed_setting_reruns_only_what_depends_on_it(night: Path, lake: Lake):
    before = {table: lake.version(table) for table in ("impressions", "generated_covers", "runs")}
    again = coverlift("nightly", home=night)
    assert again.returncode == 0, again.stderr
    assert {table: lake.version(table) for table in before} == before
    plan = coverlift("nightly", "--dry-run", "-o", "policy.max_nsfw=0.3", home=night)
    assert plan.returncode == 0, plan.stderr
    assert "policy.max_nsfw" in plan.stdout


def test_a_stage_runs_alone_and_a_dry_run_of_the_plan_tells_the_plan(night: Path, lake: Lake):
    before = lake.version("user_features")
    alone = coverlift("features", "--force", home=night)
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert lake.version("user_features") == before + 1
    planned = lake.version("generation_plan")
    dry = coverlift("plan", "--dry-run", home=night)
    assert dry.returncode == 0, dry.stdout + dry.stderr
    assert re.search(r"would plan \d+ units \(.*\d+ publish", dry.stdout)
    assert lake.version("generation_plan") == planned
