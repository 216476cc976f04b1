"""The whole night of the built-in world in small, through the command, as a user runs it."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from benchmarks.private_postgres import free_port
from conf.settings import SparkSettings
from jobs.lake.images import ImageStore
from jobs.lake.lake import Lake
from jobs.stages import STAGES
from tests.support.models.adapters import untrained_adapter
from tests.support.runs.small_night import DS, NEXT, command, coverlift, installed

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
PASSWORD, OWN = "correct horse battery staple", "a stapler of my own"


@pytest.fixture(scope="module")
def lake(night: Path) -> Lake:
    return Lake(str(night / "lake"), SparkSettings())


def test_every_stage_is_done_with_its_settings_and_versions(lake: Lake):
    runs = {row["stage"]: row for row in lake.read("runs", ds=DS).to_pylist()}
    assert set(runs) == {stage.name for stage in STAGES if stage.need is None and not stage.unless_off}
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
    coverlift("nightly", home=night)
    assert {table: lake.version(table) for table in before} == before
    assert "policy.max_nsfw" in coverlift("nightly", "--dry-run", "-o", "policy.max_nsfw=0.3", home=night)


def test_a_stage_runs_alone_and_a_dry_run_of_the_plan_tells_the_plan(night: Path, lake: Lake):
    before = lake.version("user_features")
    coverlift("features", "--force", home=night)
    assert lake.version("user_features") == before + 1
    planned = lake.version("generation_plan")
    assert re.search(r"would plan \d+ units \(.*\d+ publish", coverlift("plan", "--dry-run", home=night))
    assert lake.version("generation_plan") == planned


def test_a_takedown_in_the_browser_takes_the_cover_out_of_the_lake(night: Path, lake: Lake):
    installed("review", "users", "add", "lea", "--role", "lead", home=night, says=f"{PASSWORD}\n")
    port = free_port()
    with subprocess.Popen(
        command("review", "serve", "--port", str(port), home=night), stdout=subprocess.PIPE, text=True
    ) as desk:
        assert desk.stdout
        assert f"http://127.0.0.1:{port}/" in desk.stdout.readline()
        try:
            cover = take_down_in_a_browser(f"http://127.0.0.1:{port}", "shows a brand")
            for _ in range(600):
                if cover not in lake.read("published_covers", ds=DS)["cover_id"].to_pylist():
                    break
                time.sleep(0.5)
        finally:
            desk.send_signal(signal.SIGINT)
    assert cover not in lake.read("published_covers", ds=DS)["cover_id"].to_pylist()
    decided = lake.read("cover_decisions", ds=DS, filters=[("cover_id", "=", cover), ("decision", "=", "takedown")])
    assert [(row["by"], row["reason"]) for row in decided.to_pylist()] == [("person:lea", "shows a brand")]
    coverlift("publish", "--force", home=night)
    assert cover not in lake.read("published_covers", ds=DS)["cover_id"].to_pylist()


def take_down_in_a_browser(url: str, why: str) -> str:
    """Sign in as lea, take the first cover that the policy approved down, and return its id."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(url + "/queue")
        page.get_by_label("Name").fill("lea")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/password")  # the command set it: a person chooses one of their own first
        page.get_by_label("The one you have").fill(PASSWORD)
        page.get_by_label("New one").fill(OWN)
        page.get_by_label("Again", exact=True).fill(OWN)
        page.keyboard.press("Enter")
        page.wait_for_url("**/queue")
        page.goto(url + "/focus?tab=auto")
        cover = page.locator("article.current").get_attribute("data-cover")
        page.keyboard.press("t")
        page.get_by_label("Words").fill(why)
        page.get_by_role("button", name="Take down for good", exact=True).click()
        expect(page.locator("article.current .facts")).to_contain_text("taken down", timeout=60_000)
        browser.close()
    assert cover
    return cover


def test_another_method_is_painted_beside_profile(night: Path, lake: Lake, tmp_path: Path):
    adapter = untrained_adapter(tmp_path / "adapter")
    options = ["-o", "generation.method=icg", "-o", f"generation.adapters.icg={adapter}"]
    for stage in ("plan", "generate"):
        coverlift(stage, *options, home=night)
    rows = lake.read("generated_covers", ds=DS).to_pylist()
    methods = {(row["purpose"], row["method"]) for row in rows}
    assert {("publish", "icg"), ("beside", "profile"), ("unpersonalised", "icg")} <= methods
    beside = {(row["item_id"], row["segment_id"]) for row in rows if row["purpose"] == "beside"}
    assert beside <= {(row["item_id"], row["segment_id"]) for row in rows if row["purpose"] == "publish"}
    assert all(row["rewards"] and "nsfw" not in dict(row["rewards"]) for row in rows if row["purpose"] == "beside")
