"""Pictures of the reviewers' desk for the guide: ``python -m benchmarks.desk_pictures --home HOME --ds DAY --out DIR``.

Over a finished night, in headless Chromium: a cover on a desktop, a wide screen, a phone and in the dark, the queue, an
item, and a written title where the night wrote some. With ``--made-up`` over made-up covers of 64, 512 and 1024 pixels
instead, which show how the desk treats sizes and nothing else.
"""

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from benchmarks import made_up_night
from benchmarks.desk_server import PASSWORD, add_people
from benchmarks.made_up_night import DS
from benchmarks.private_postgres import free_port
from conf.settings import Settings
from generation.review.log.database import Database, open_database
from generation.review.log.load import load_night
from generation.review.web.app import Lakeside, make_app
from jobs.lake.context import Context
from jobs.lake.images import ImageStore

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
DESKTOP, WIDE, PHONE = (1440, 900), (2560, 1440), (390, 844)
SIDES = (64, 512, 1024)


@dataclass(frozen=True, kw_only=True)
class View:
    """A picture of the guide."""

    name: str
    path: str
    size: tuple[int, int] = DESKTOP
    dark: bool = False
    first: str | None = None
    """What is clicked before the picture is taken."""


VIEWS = (
    View(name="focus", path="/focus?tab=all"),
    View(name="wide", path="/focus?tab=all", size=WIDE),
    View(name="phone", path="/focus?tab=all", size=PHONE),
    View(name="dark", path="/queue?tab=all", dark=True),
    View(name="queue", path="/queue?tab=all"),
    View(name="item", path="/focus?tab=all", first="article.current [data-item]"),
    View(name="context", path="/focus?tab=all", first="article.current [data-context]"),
)
TITLE = View(name="title", path="/focus?tab=all&what=titles&min_personal=0.1")


def take(browser: Browser, port: int, view: View, out: Path) -> None:
    """One picture, as WebP."""
    wide, high = view.size
    context = browser.new_context(
        viewport={"width": wide, "height": high}, color_scheme="dark" if view.dark else "light"
    )
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/queue")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/queue")
    page.goto(f"http://127.0.0.1:{port}{view.path}")
    page.wait_for_load_state("networkidle")
    if view.first:
        page.click(view.first)
        page.wait_for_load_state("networkidle")
    out.mkdir(parents=True, exist_ok=True)
    with Image.open(BytesIO(page.screenshot())) as picture:
        picture.save(out / f"{view.name}.webp", quality=80, method=6)
    print(out / f"{view.name}.webp", flush=True)
    context.close()


@contextmanager
def served(database: Database, ctx: Context) -> Iterator[int]:
    """The port of a desk that runs in a thread, with a lead; what reads a lake does not survive a fork."""
    add_people(database, ctx.settings, {"ann": "lead"})
    app = make_app(database, ctx, Lakeside(take_down=lambda *_: "no lake"))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield port
    finally:
        server.should_exit = True
        thread.join()
        database.close()


@contextmanager
def night(home: Path, ds: date) -> Iterator[tuple[int, bool]]:
    """Port of a desk over a finished night, in a database of its own; and whether titles were written."""
    with tempfile.TemporaryDirectory(prefix="coverlift-desk-") as folder:
        ctx = Context(ds=ds, home=home, settings=Settings())
        database = open_database(f"sqlite:///{folder}/desk.sqlite", Path(folder))
        load_night(database, ctx)
        with served(database, ctx) as port:
            yield port, ds.isoformat() in ctx.lake.partitions("generated_titles")


@contextmanager
def made_up(side: int) -> Iterator[int]:
    """Port of a desk over made-up covers of this size."""
    with tempfile.TemporaryDirectory(prefix="coverlift-desk-") as folder:
        home = Path(folder)
        database = open_database(f"sqlite:///{folder}/desk.sqlite", home)
        made_up_night.fill(database, 12, images=ImageStore(str(home / "images")), side=side)
        with served(database, Context(ds=date.fromisoformat(DS), home=home, settings=Settings())) as port:
            yield port


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="folder of a finished night")
    parser.add_argument("--ds", type=date.fromisoformat, help="the night: YYYY-MM-DD")
    parser.add_argument("--made-up", action="store_true", help="made-up covers of 64, 512 and 1024 pixels instead")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    chosen = parser.parse_args()
    if not chosen.made_up and not (chosen.home and chosen.ds):
        parser.error("give --home and --ds, or --made-up")
    with sync_playwright() as playwright:
        browser: Any = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        if chosen.made_up:
            for side in SIDES:
                with made_up(side) as port:
                    take(browser, port, View(name=f"size-{side}", path="/focus?tab=all"), chosen.out)
            return
        with night(chosen.home, chosen.ds) as (port, titles):
            for view in (*VIEWS, *((TITLE,) if titles else ())):
                take(browser, port, view, chosen.out)


if __name__ == "__main__":
    main()
