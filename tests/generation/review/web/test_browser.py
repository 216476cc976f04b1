"""The desk in a real browser: what a reviewer does, by keyboard, on both databases."""

import os
import threading
import time
from datetime import date, datetime, timedelta

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from sqlalchemy import select

from benchmarks import made_up_night
from benchmarks.desk_server import PASSWORD, add_people
from benchmarks.private_postgres import free_port
from conf.settings import Settings
from generation.review.log.load_titles import texts_of
from generation.review.log.schema import TITLES, takedowns
from generation.review.log.sealing import chain
from generation.review.web.app import Lakeside, make_app
from jobs.lake.context import Context
from jobs.lake.images import ImageStore
from tests.generation.review.conftest import rows_of

DS = made_up_night.DS
PACE = float(os.environ.get("COVERLIFT_REVIEW_PACE", "0.1"))
"""Seconds between two decisions: faster than people, who take one or two; 2.2 is 50 covers in under two minutes."""

any_database = pytest.mark.parametrize("desk_url", ["sqlite"], indirect=True)
"""For what has nothing to do with the database."""
postgresql_in_soak = pytest.mark.parametrize(
    "desk_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True
)
"""For what is told to the database in steps that the tests of the log take on both."""
expect.set_options(timeout=20_000)


class Desk:
    """A server in a thread, and what is behind it."""

    def __init__(self, database, home, setup_token=None):
        self.database, self.taken_down, self.published = database, [], []
        self.port = free_port()
        ctx = Context(ds=date.fromisoformat(DS), home=home, settings=Settings())
        app = make_app(database, ctx, Lakeside(take_down=self.take_down, publish=self.publish), setup_token=setup_token)
        self.server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="warning", proxy_headers=False)
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def take_down(self, cover_id, reason, by, ds):
        self.taken_down.append((cover_id, reason, by, ds.isoformat()))
        return "1 published rows removed"

    def publish(self, ds):
        self.published.append(ds.isoformat())
        return "Published: 7 covers are in the feed."

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join(20)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def desk(make_desk, tmp_path):
    images = ImageStore(str(tmp_path / "images"))
    database = make_desk(60, images=images, candidates=2)
    add_people(database, Settings(), {"lea": "lead", "ann": "reviewer", "vic": "viewer"})
    with Desk(database, tmp_path) as found:
        yield found


@pytest.fixture
def sign_in(desk, browser):
    """Opens a page as somebody; at the end no script of it may have failed."""
    contexts, complaints = [], []

    def open_page(name, **more):
        context = browser.new_context(accept_downloads=True, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        enter(page, desk, name)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def enter(page, desk, name):
    """Sign in."""
    page.goto(desk.url + "/queue")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/queue")


def saved(page):
    expect(page.locator("#saving")).to_have_text("all saved", timeout=60_000)


def title(page):
    return page.locator("article.current h1").inner_text()


def test_fifty_covers_by_keys_at_human_pace(desk, sign_in):
    page = sign_in("ann")
    page.goto(desk.url + "/focus")
    began = time.monotonic()
    for number in range(50):
        turn = time.monotonic()
        before = title(page)
        if number % 5 == 4:
            page.keyboard.press("r")
            page.keyboard.press(str(1 + number % 7))
        elif number % 11 == 3:
            page.keyboard.press("2")
            page.keyboard.press("a")
        else:
            page.keyboard.press("a")
        assert title(page) != before
        time.sleep(max(0.0, PACE - (time.monotonic() - turn)))
    took = time.monotonic() - began
    saved(page)
    waits = page.evaluate("performance.getEntriesByName('decision-to-picture').map(each => each.duration)")
    print(
        f"50 covers in {took:.0f} s; decision to picture: median {sorted(waits)[25]:.0f} ms, worst {max(waits):.0f} ms"
    )
    verdicts = [(row.verdict, row.cover_id != row.selected_cover_id) for row in rows_of(desk.database)]
    assert verdicts.count(("reject", False)) == 10
    assert verdicts.count(("approve", True)) == 4
    assert verdicts.count(("approve", False)) == 36
    with desk.database.reading() as connection:
        assert chain.faults(connection) == []
        assert chain.head(connection)[0] == 50


@postgresql_in_soak
def test_undo_note_skip_flicker_and_back(desk, sign_in):
    page = sign_in("ann")
    page.goto(desk.url + "/focus")
    first = title(page)
    page.keyboard.press("a")
    second = title(page)
    page.keyboard.press("s")
    saved(page)
    page.keyboard.press("u")
    expect(page.locator("article.current h1")).to_have_text(first)
    expect(page.locator("article.current .facts")).to_contain_text("undecided")
    page.keyboard.press("n")
    page.get_by_label("Words").fill("<b>too</b> dark")
    page.keyboard.press("Control+Enter")
    expect(page.locator("article.current .history")).to_contain_text("<b>too</b> dark")
    page.keyboard.press("f")
    expect(page.locator("article.current .flicker")).to_have_class("frame flicker flipped")
    expect(page.locator("article.current [data-caption]")).to_have_text("Original, in the candidate's place")
    page.keyboard.press("f")
    expect(page.locator("article.current [data-caption]")).to_have_text("Candidate 1 of 2")
    page.keyboard.press("j")
    assert title(page) == second
    page.keyboard.press("k")
    assert title(page) == first
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


@any_database
def test_signing_in_again_waits_until_another_dialog_is_closed(desk, sign_in):
    page = sign_in("ann")
    page.goto(desk.url + "/focus")
    page.keyboard.press("r")
    expect(page.locator("#reject")).to_be_visible()
    page.evaluate("() => { session.renew = () => Promise.reject(new Error('not yet')); void session.again(); }")
    page.wait_for_timeout(200)
    expect(page.locator("#sign-in")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#sign-in")).to_be_visible()


@any_database
def test_titles_are_reviewed_beside_covers(desk, sign_in):
    made_up_night.fill_titles(desk.database, 3)
    page = sign_in("lea")
    expect(page.get_by_role("list", name="Covers, most traffic first").get_by_role("listitem")).to_have_count(48)
    page.get_by_role("navigation", name="What is reviewed").get_by_role("link", name="Titles").click()
    tiles = page.get_by_role("list", name="Titles, most traffic first").get_by_role("listitem")
    expect(tiles).to_have_count(6)
    assert {each.get_attribute("lang") for each in page.locator("q.written").all()} == {"en", "de"}
    expect(page.locator("#feed-words")).to_contain_text("0 titles are live")
    page.keyboard.press("Enter")
    page.wait_for_url("**/focus?*what=titles*")
    said = page.locator("article.current .saying[data-written]")
    chosen = said.inner_text()
    page.keyboard.press("3")
    expect(said).to_contain_text("<b>now</b>")
    assert page.locator("article.current .feedrow [data-written]").first.inner_text() == said.inner_text()
    picked = said.inner_text()
    for key in ("f", "z", "m"):  # there is no picture to flicker, enlarge or compare
        page.keyboard.press(key)
    page.keyboard.press("a")
    page.keyboard.press("a")
    page.keyboard.press("r")
    page.keyboard.press("6")
    saved(page)
    decided = [row for row in rows_of(desk.database) if row.method == TITLES and row.verdict]
    with desk.database.reading() as connection:
        out = texts_of(connection, [row.cover_id for row in decided])
    assert [row.verdict for row in decided].count("approve") == 2
    (rejected,) = (row for row in decided if row.verdict == "reject")
    assert rejected.reason == "text"
    assert picked in out.values()
    assert chosen not in out.values()
    page.goto(desk.url + "/queue?what=titles")
    expect(tiles).to_have_count(3)
    page.get_by_role("button", name="Approve them").click()
    expect(page.get_by_role("heading", name="Approve 3 titles?")).to_be_visible()
    assert "thing" in page.locator("q.written").first.inner_text()
    page.get_by_role("button", name="Approve 3 titles").click()
    expect(page.locator("main")).to_contain_text("3")
    assert sum(row.verdict == "approve" for row in rows_of(desk.database) if row.method == TITLES) == 5
    assert not any(row.verdict for row in rows_of(desk.database) if row.method != TITLES)
    assert Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).violations_count == 0


SHARE = """() => [...document.querySelectorAll("article.current .frame > img:not(.under)")].reduce((sum, image) => {
    const box = image.getBoundingClientRect();
    const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
    const high = Math.min(box.bottom, innerHeight) - Math.max(box.top, 0);
    return sum + image.naturalWidth * scale * Math.min(image.naturalHeight * scale, high);
}, 0) / (innerWidth * innerHeight)"""
"""Share of the screen that the two pictures take, the empty parts of their frames left out."""


@any_database
@pytest.mark.parametrize("size", [(1440, 900), (2560, 1440)])
def test_the_pictures_take_most_of_the_screen(desk, sign_in, size):
    page = sign_in("lea", viewport={"width": size[0], "height": size[1]})
    page.goto(desk.url + "/focus")
    page.wait_for_load_state("networkidle")
    share = page.evaluate(SHARE)
    print(f"share of a {size[0]} x {size[1]} screen that the pictures take: {share:.1%}")
    assert share >= 0.45
    stage, actions = (page.locator(f"article.current {name}").bounding_box() for name in (".stage", ".actions"))
    assert stage["y"] + stage["height"] <= actions["y"]
    page.keyboard.press("r")
    dialog = page.locator("#reject").bounding_box()
    picture = page.locator("article.current img.candidate.big").bounding_box()
    assert dialog["y"] > picture["y"] + 0.95 * picture["height"]  # beside the picture, not over it


@any_database
def test_a_digit_shows_a_candidate_and_a_approves_what_is_shown(desk, sign_in):
    page = sign_in("ann")
    page.goto(desk.url + "/focus")
    expect(page.locator("#progress")).to_have_text("1 of 60")
    row = {row.id: row for row in rows_of(desk.database)}[
        int(page.locator("article.current").get_attribute("data-case"))
    ]
    other = page.locator('article.current [data-number="2"]').get_attribute("data-cover")
    page.keyboard.press("2")
    expect(page.locator("article.current img.candidate.big")).to_have_attribute("src", f"/img/{other}")
    expect(page.locator("article.current [data-caption]")).to_have_text("Candidate 2 of 2")
    assert not any(each.verdict for each in rows_of(desk.database))
    page.keyboard.press("a")
    saved(page)
    decided = next(each for each in rows_of(desk.database) if each.verdict)
    assert (decided.id, decided.cover_id) == (row.id, other)
    page.keyboard.press("k")  # what was picked is what is shown, and approving it again keeps it
    expect(page.locator("article.current .facts")).to_contain_text("approved")
    expect(page.locator("article.current img.candidate.big")).to_have_attribute("src", f"/img/{other}")
    page.keyboard.press("1")
    page.keyboard.press("a")
    saved(page)
    assert next(each for each in rows_of(desk.database) if each.verdict).cover_id == row.selected_cover_id


@any_database
def test_zoom_is_exact_to_the_pixel_and_both_sides_move_in_step(desk, sign_in):
    page = sign_in("ann", viewport={"width": 1000, "height": 700})
    page.goto(desk.url + "/focus")
    # As if the pictures were larger than their frames, so that there is something to move.
    page.evaluate("""() => {
      for (const image of document.querySelectorAll("article.current .frame img")) {
        Object.defineProperty(image, "naturalWidth", { value: 1024 });
        Object.defineProperty(image, "naturalHeight", { value: 1024 });
      }
    }""")
    page.keyboard.press("z")
    images = page.locator("article.current .frame > img:not(.under)")
    boxes = [images.nth(side).bounding_box() for side in (0, 1)]
    assert [(box["width"], box["height"]) for box in boxes] == [(1024, 1024)] * 2
    frame = page.locator("article.current .frame").first.bounding_box()
    page.mouse.move(frame["x"] + 200, frame["y"] + 200)
    page.mouse.down()
    page.mouse.move(frame["x"] + 140, frame["y"] + 170)
    page.mouse.up()
    moved = [images.nth(side).bounding_box() for side in (0, 1)]
    for before, after in zip(boxes, moved, strict=True):
        assert (round(after["x"] - before["x"]), round(after["y"] - before["y"])) == (-60, -30)
    page.keyboard.press("z")
    assert images.first.bounding_box()["width"] < 1024


@any_database
def test_what_was_skipped_comes_back_last(make_desk, browser, tmp_path):
    database = make_desk(4, images=ImageStore(str(tmp_path / "images")))
    add_people(database, Settings(), {"ann": "reviewer"})
    with Desk(database, tmp_path) as desk:
        page = browser.new_context().new_page()
        enter(page, desk, "ann")
        page.goto(desk.url + "/focus")
        first = title(page)
        page.keyboard.press("s")
        for _ in range(3):
            page.keyboard.press("a")
        expect(page.locator("article.current h1")).to_have_text(first)
        page.keyboard.press("a")
        expect(page.locator("#empty")).to_be_visible()
        saved(page)
        assert all(row.verdict == "approve" for row in rows_of(database))
        page.context.close()


@any_database
def test_an_item_is_decided_with_all_its_covers_side_by_side(desk, sign_in):
    page = sign_in("ann")
    page.goto(desk.url + "/focus")
    case = int(page.locator("article.current").get_attribute("data-case"))
    page.keyboard.press("i")
    page.wait_for_url("**/item/*")
    rows = {row.id: row for row in rows_of(desk.database)}
    mine = [row.id for row in rows.values() if row.item_id == rows[case].item_id]
    sections = page.locator("#several .one")
    assert sorted(int(sections.nth(place).get_attribute("data-case")) for place in range(len(mine))) == sorted(mine)
    assert page.locator("#several .candidate").count() == 2 * len(mine)
    page.keyboard.press("j")
    page.keyboard.press("2")
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.keyboard.press("Shift+A")
    saved(page)
    verdicts = [
        (row.verdict, row.cover_id == row.selected_cover_id) for row in rows_of(desk.database) if row.id in mine
    ]
    assert sorted(verdicts) == sorted([("approve", False), ("reject", True), *[("approve", True)] * (len(mine) - 2)])
    expect(sections.nth(1).locator(".facts")).to_contain_text("rejected")


@any_database
def test_any_covers_are_compared(desk, sign_in):
    page = sign_in("ann")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
    page.keyboard.press("c")
    page.wait_for_url("**/compare?ids=*")
    expect(page.get_by_role("heading", level=1)).to_have_text("3 covers")
    assert page.locator("#several .one figure img").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@any_database
def test_a_link_survives_sign_in(desk, browser):
    page = browser.new_context().new_page()
    page.goto(desk.url + "/case/3?x=1")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/case/3?x=1")
    page.context.close()


@postgresql_in_soak
def test_bulk_with_preview_and_undo_by_keyboard(desk, sign_in):
    page = sign_in("lea")
    page.goto(f"{desk.url}/queue?category=food-drink")
    page.get_by_role("button", name="Reject them…").click()
    count = sum(row.category == "food-drink" for row in rows_of(desk.database))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Reject {count} covers?")
    assert not any(row.verdict for row in rows_of(desk.database))
    page.keyboard.press("Enter")  # the focus is not on the button that decides
    assert not any(row.verdict for row in rows_of(desk.database))
    page.get_by_role("button", name=f"Reject {count} covers").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{count} covers decided")
    assert sum(row.verdict == "reject" for row in rows_of(desk.database)) == count
    page.get_by_role("button", name="Undo this step").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{count} decisions taken back")
    assert not any(row.verdict for row in rows_of(desk.database))
    page.goto(desk.url + "/queue")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+X")
    expect(page.locator("#chosen")).to_have_text("3 selected")
    page.get_by_role("button", name="Approve them…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve 3 covers?")
    page.get_by_role("button", name="Approve 3 covers").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("3 covers decided")


@any_database
def test_a_large_step_is_typed_asked_about_before_undo_and_listed(desk, sign_in):
    page = sign_in("lea")
    page.get_by_role("button", name="Approve them…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve 60 covers?")
    confirm = page.get_by_role("button", name="Approve 60 covers")
    confirm.click()
    page.get_by_label("Type 60 to confirm").fill("6")
    confirm.click()
    assert not any(row.verdict for row in rows_of(desk.database))
    page.get_by_label("Type 60 to confirm").fill("60")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("60 covers decided")
    page.goto(desk.url + "/focus?tab=done")
    dialog = page.get_by_role("dialog", name="Take back a bulk step?")
    page.keyboard.press("u")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    page.keyboard.press("u")  # asked again: the step still stands
    dialog.get_by_role("button", name="Take back 60").click()
    expect(page.locator("#said")).to_have_text("A bulk step was taken back: 60 decisions")
    assert not any(row.verdict for row in rows_of(desk.database))
    page.goto(desk.url + "/bulk")
    expect(page.get_by_role("row", name="lea")).to_contain_text("taken back")


@any_database
def test_a_step_is_undone_later_from_the_list(desk, sign_in):
    page = sign_in("lea")
    page.goto(f"{desk.url}/queue?tab=all&category=food-drink")
    page.get_by_role("button", name="Reject them…").click()
    page.get_by_role("main").locator("form button").click()
    page.goto(desk.url + "/focus")
    page.keyboard.press("a")
    saved(page)
    page.goto(f"{desk.url}/queue?tab=all&verdict=reject")  # what the page shows is what a step would take
    shown = page.locator("#tiles .tile").count()
    page.get_by_role("button", name="Approve them…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Approve {shown} covers?")
    page.goto(desk.url + "/bulk")
    page.get_by_role("link", name="Take back…").click()
    page.get_by_role("button", name=f"Take back {shown}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{shown} decisions taken back")
    assert [row.verdict for row in rows_of(desk.database) if row.verdict] == ["approve"]


@any_database
def test_over_the_safety_limit_a_lead_says_why_and_it_stands_in_red_first(make_desk, browser, tmp_path):
    database = make_desk(20, images=ImageStore(str(tmp_path / "images")), candidates=1, max_nsfw=0.0)
    add_people(database, Settings(), {"lea": "lead", "ann": "reviewer"})
    with Desk(database, tmp_path) as desk:
        for name in ("ann", "lea"):
            page = browser.new_context().new_page()
            enter(page, desk, name)
            page.goto(desk.url + "/focus")
            expect(page.locator("article.current .rewards tbody tr").first).to_have_class("over")
            expect(page.locator("article.current .facts .bad")).to_contain_text("over the safety limit")
            page.keyboard.press("a")
            if name == "ann":
                expect(page.locator("#said")).to_contain_text("a lead must decide it")
            else:
                page.get_by_label("Words").fill("a statue in a museum")
                page.keyboard.press("Control+Enter")
                saved(page)
            page.context.close()
        reasons = [row.reason for row in rows_of(database) if row.verdict]
    assert len(reasons) == 1
    assert reasons[0].startswith("over the safety limit: ")
    assert reasons[0].endswith("a statue in a museum")


@any_database
def test_each_cover_says_what_the_next_publish_does_and_a_lead_starts_it(desk, sign_in):
    page = sign_in("lea")
    page.goto(desk.url + "/focus")
    expect(page.locator("article.current .facts")).to_contain_text("not in the feed")
    page.keyboard.press("a")
    saved(page)
    page.keyboard.press("k")
    expect(page.locator("article.current .facts")).to_contain_text("goes live with the next publish")
    page.goto(desk.url + "/queue")
    expect(page.locator("#feed-words")).to_contain_text("The next publish shows 1 more and takes 0 off.")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#feed-words")).to_contain_text("Published: 7 covers are in the feed.")
    assert desk.published == [DS]


@postgresql_in_soak
def test_blind_pairs_and_their_result(desk, sign_in):
    page = sign_in("lea")
    page.goto(desk.url + "/ab?contest=original:icg")
    painted = {row.cover_id for row in rows_of(desk.database)}
    for judged in range(1, 9):
        left = page.locator("#ab-left").get_attribute("src").rpartition("/")[2]
        page.keyboard.press("ArrowLeft" if left in painted else "ArrowRight")
        expect(page.locator("#ab-count")).to_have_text(f"{judged} judged")
    assert "icg" not in page.locator("#pair").inner_html()
    page.goto(desk.url + "/results")
    expect(page.get_by_role("row", name="icg over original")).to_contain_text("100.0 %")


@postgresql_in_soak
def test_going_back_shows_what_was_decided_and_undo_names_it(desk, sign_in):
    page = sign_in("ann")
    page.goto(desk.url + "/focus")
    first = title(page)
    page.keyboard.press("a")
    saved(page)
    page.keyboard.press("k")
    expect(page.locator("article.current h1")).to_have_text(first)
    expect(page.locator("article.current .history")).to_contain_text("ann approve")
    page.keyboard.press("u")
    expect(page.locator("#said")).to_contain_text(f"Taken back: {first}")
    expect(page.locator("article.current h1")).to_have_text(first)


@postgresql_in_soak
def test_a_takedown_is_shown_at_once_and_handed_to_the_lake(desk, sign_in):
    page = sign_in("ann")
    page.goto(desk.url + "/focus")
    cover = page.locator("article.current").get_attribute("data-cover")
    page.keyboard.press("t")
    page.get_by_label("Words").fill("shows a brand")
    page.get_by_role("button", name="Take down for good", exact=True).click()
    expect(page.locator("article.current .facts")).to_contain_text("taken down")
    for _ in range(100):
        with desk.database.reading() as connection:
            done = connection.execute(select(takedowns.c.done_at, takedowns.c.outcome)).one()
        if done.done_at:
            break
        time.sleep(0.05)
    assert desk.taken_down == [(cover, "shows a brand", "person:ann", DS)]
    assert done.outcome == "1 published rows removed"


@postgresql_in_soak
def test_offline_there_and_back(desk, sign_in, browser, tmp_path):
    page = sign_in("ann")
    page.goto(desk.url + "/offline")
    with page.expect_download() as download:
        page.get_by_role("link", name="Pending").click()
    download.value.save_as(tmp_path / "covers.html")
    away = browser.new_context(accept_downloads=True, offline=True).new_page()
    away.goto((tmp_path / "covers.html").as_uri())
    for key in ("a", "a", "r", "3"):
        away.keyboard.press(key)
    with away.expect_download() as download:
        away.get_by_role("button", name="Save").first.click()
    download.value.save_as(tmp_path / "decisions.json")
    away.context.close()
    for expected in ("3 decisions taken", "0 decisions taken, 3 known"):
        page.get_by_label("File of decisions").set_input_files(tmp_path / "decisions.json")
        page.get_by_role("button", name="Check and take").click()
        expect(page.get_by_role("main").get_by_role("status")).to_contain_text(expected)
    assert sorted(row.verdict for row in rows_of(desk.database) if row.verdict) == ["approve", "approve", "reject"]


PAGES = (
    "/queue",
    "/queue?tab=done",
    "/bulk",
    "/item/1",
    "/compare?ids=1,2",
    "/focus",
    "/focus?tab=done",
    "/ab",
    "/results",
    "/people",
    "/audit",
    "/offline",
)


@any_database
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_issue(desk, sign_in, scheme):
    page = sign_in("lea", color_scheme=scheme)
    found = []
    for path in PAGES:
        page.goto(desk.url + path)
        if path == "/focus":
            page.keyboard.press("r")
            page.wait_for_selector("dialog[open]")
        result = Axe().run(page)
        serious = [each for each in result.response["violations"] if each["impact"] in ("serious", "critical")]
        found += [(path, each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in serious]
    assert found == []


@any_database
def test_a_viewer_looks_and_cannot_decide(desk, sign_in):
    page = sign_in("vic", viewport={"width": 390, "height": 800})
    page.goto(desk.url + "/focus")
    assert page.locator("article.current .actions").count() == 0
    page.keyboard.press("a")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not any(row.verdict for row in rows_of(desk.database))


@any_database
def test_numbers_and_times_are_the_readers(desk, sign_in):
    page = sign_in("lea", locale="de-DE", timezone_id="Asia/Tokyo")
    page.goto(desk.url + "/focus")
    value = page.locator("article.current .rewards data.number").first
    assert value.inner_text() == f"{float(value.get_attribute('value')):.3f}".replace(".", ",")
    page.goto(desk.url + "/audit")
    moment = page.locator("time").first
    there = datetime.fromisoformat(moment.get_attribute("datetime")) + timedelta(hours=9)
    assert moment.inner_text() == there.strftime("%d.%m.%Y, %H:%M")


@any_database
def test_the_first_account_is_made_behind_a_link_that_works_once(make_desk, browser, tmp_path):
    link = "/setup?token=" + "t" * 32
    with Desk(make_desk(3), tmp_path, "t" * 32) as desk:
        page = browser.new_context().new_page()
        page.goto(desk.url + "/setup?token=guess")
        expect(page.get_by_role("heading", level=1)).to_contain_text("not valid any more")
        page.goto(desk.url + link)
        page.get_by_label("Name").fill("lea")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/queue")
        expect(page.locator(".who")).to_contain_text("lea lead")
        page.goto(desk.url + link)
        expect(page.get_by_role("heading", level=1)).to_contain_text("not valid any more")
        page.context.close()
