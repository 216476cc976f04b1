"""The whole night of the built-in world in small, through the command, as a user runs it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

import recsys_eval
from benchmarks.private_postgres import free_port
from conf.settings import SparkSettings
from jobs.lake.images import ImageStore
from jobs.lake.lake import Lake
from jobs.stages import STAGES

DS, NEXT = "2026-03-29", "2026-03-30"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
PASSWORD = "correct horse battery staple"


def command(*words: str, home: Path) -> list[str]:
    return [str(Path(sys.executable).with_name("coverlift")), *words, "--home", str(home), "--profile", "test"]


def coverlift(*words: str, home: Path, says: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words, home=home), capture_output=True, text=True, check=False, timeout=900, input=says
    )


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


def test_a_takedown_in_the_browser_takes_the_cover_out_of_the_lake(night: Path, lake: Lake):
    added = coverlift("review", "users", "add", "lea", "--role", "lead", home=night, says=f"{PASSWORD}\n")
    assert added.returncode == 0, added.stderr
    port = free_port()
    with subprocess.Popen(
        command("review", "serve", "--port", str(port), home=night), stdout=subprocess.PIPE, text=True
    ) as desk:
        assert desk.stdout
        assert f"http://127.0.0.1:{port}/" in desk.stdout.readline()
        try:
            cover = take_down_in_a_browser(f"http://127.0.0.1:{port}", "shows a brand")
            for _ in range(240):
                if cover not in lake.read("published_covers", ds=DS)["cover_id"].to_pylist():
                    break
                time.sleep(0.5)
        finally:
            desk.send_signal(signal.SIGINT)
    assert cover not in lake.read("published_covers", ds=DS)["cover_id"].to_pylist()
    decided = lake.read("cover_decisions", ds=DS, filters=[("cover_id", "=", cover), ("decision", "=", "takedown")])
    assert [(row["by"], row["reason"]) for row in decided.to_pylist()] == [("person:lea", "shows a brand")]
    again = coverlift("publish", "--force", home=night)
    assert again.returncode == 0, again.stderr
    assert cover not in lake.read("published_covers", ds=DS)["cover_id"].to_pylist()


def take_down_in_a_browser(url: str, why: str) -> str:
    """Sign in as lea, take the first cover that the policy approved down, and return its id."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(url + "/queue")
        page.get_by_label("Name").fill("lea")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/queue")
        page.goto(url + "/focus?tab=auto")
        cover = page.locator("article.current").get_attribute("data-cover")
        page.keyboard.press("t")
        page.get_by_label("Words").fill(why)
        page.get_by_role("button", name="Take down for good", exact=True).click()
        expect(page.locator("article.current .facts")).to_contain_text("taken down", timeout=20_000)
        browser.close()
    assert cover
    return cover


def test_an_adapter_is_trained_on_its_tables_compared_and_painted_with_beside_profile(
    night: Path, lake: Lake, tmp_path: Path
):
    words = ["--date", "2026-01-01", "--out", str(tmp_path), "--steps", "2", "--items", "5"]
    words += ["--only", "no-user-embedding", "--only", "profile"]
    done = coverlift("study", "ablation", *words, home=night)
    assert done.returncode == 0, done.stdout + done.stderr
    table = [line.split(" | ")[0].strip("| ") for line in done.stdout.splitlines() if line.startswith("|")]
    assert table == ["variant", "---", "original", "icg", "no-user-embedding", "profile"]
    figures = {row["name"]: row for row in json.loads((tmp_path / "ablation.json").read_text())["figures"]}
    assert {"truth.over_profile.lift", "truth.new_items.no-user-embedding.lift"} <= set(figures)
    assert figures["diversity.no-user-embedding"]["value"] < 0.001  # one cover for all, but for its noise
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")

    judge = str(Path(recsys_eval.__file__).parent / "judge" / "weights")  # any classifier of drawings will do here
    words = ["--judge", judge, "--items", "4", "--guidance", "0", "--guidance", "1", "--method", "icg"]
    done = coverlift("study", "validation-sweep", *words, "--adapter", str(tmp_path / "icg" / "adapter"), home=night)
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(r"true clicks ([+-][\d.]+)% .*gap .*style ([\d.]+)  subject ([\d.]+)", done.stdout)
    real, unseen, plain, personal, _ = told
    assert float(real[2]) == pytest.approx(1.0, abs=0.01)
    assert float(unseen[2]) < float(real[2])
    assert float(plain[2]) > float(personal[2]) > 0.5  # without a preference more of the subject is kept
    feed = re.search(r"feed, min. gain .*true clicks [+-][\d.]+% .*gap .*painted (\d+)%", done.stdout)
    assert feed
    assert 0 <= int(feed[1]) <= 100

    options = ["-o", "generation.method=icg", "-o", f"generation.adapters.icg={tmp_path / 'icg' / 'adapter'}"]
    for stage in ("plan", "generate"):
        done = coverlift(stage, *options, home=night)
        assert done.returncode == 0, done.stdout + done.stderr
    rows = lake.read("generated_covers", ds=DS).to_pylist()
    methods = {(row["purpose"], row["method"]) for row in rows}
    assert {("publish", "icg"), ("beside", "profile"), ("unpersonalised", "icg")} <= methods
    beside = {(row["item_id"], row["segment_id"]) for row in rows if row["purpose"] == "beside"}
    assert beside <= {(row["item_id"], row["segment_id"]) for row in rows if row["purpose"] == "publish"}
    assert all(row["rewards"] and "nsfw" not in dict(row["rewards"]) for row in rows if row["purpose"] == "beside")
