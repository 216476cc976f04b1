"""Working together in a real browser: by keyboard, over a broken line, for a screen reader."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from sqlalchemy import select

from benchmarks.desk_server import PASSWORD
from generation.review.log.schema import entries
from generation.review.log.sealing import chain
from tests.generation.review.conftest import rows_of
from tests.support.desk.broken_line import BrokenLine

expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def line(pages):
    found = BrokenLine(pages[1])
    yield found
    found.close()


@pytest.fixture(scope="module")
def opened(line, browser):
    """``opened("ann")``: a page of somebody who is signed in, once a name."""
    known = {}

    def page_of(name):
        if name not in known:
            page = browser.new_context().new_page()
            page.goto(f"http://127.0.0.1:{line.port}/queue")
            page.get_by_label("Name").fill(name)
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url("**/queue")
            known[name] = page
        return known[name]

    yield page_of
    for page in known.values():
        page.context.close()


def go(page, line, path):
    page.goto(f"http://127.0.0.1:{line.port}{path}")


def single(pages, place):
    return [row for row in rows_of(pages[0]) if not row.doubled][place]


def notes(database):
    with database.reading() as connection:
        query = select(entries.c.body).where(entries.c.kind == "note").order_by(entries.c.seq)
        return [chain.parsed(body).note for body in connection.execute(query).scalars()]


def test_a_comment_outlives_the_line_and_a_draft_the_page(pages, line, opened):
    page, row = opened("ann"), single(pages, 0)
    go(page, line, f"/case/{row.id}")
    page.keyboard.press("n")
    page.keyboard.type("Ask @bo")
    page.get_by_role("button", name="@bob").click()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("n")
    expect(page.get_by_label("Words")).to_have_value("Ask @bob ")
    page.get_by_label("Words").press_sequentially("please")
    line.set("cut")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#unsaved-words")).to_contain_text("1 not saved, trying")
    line.set("up")
    expect(page.locator("article.current .thread")).to_contain_text("ann wrote")
    assert notes(pages[0]) == ["Ask @bob please"]
    page.keyboard.press("n")
    expect(page.get_by_label("Words")).to_have_value("")
    page.keyboard.press("Escape")


def test_who_is_mentioned_is_led_to_the_comment_and_has_read_it_then(pages, line, opened):
    page = opened("bob")
    go(page, line, "/queue")
    expect(page.locator("#news")).to_have_text("1")
    page.get_by_role("link", name="For you").click()
    page.get_by_role("link", name=single(pages, 0).title).click()
    expect(page.locator("article.current .was-unread")).to_contain_text("@bob please")
    expect(page.locator("#news")).to_have_text("")


def test_a_selection_is_assigned_by_keyboard_and_is_in_that_persons_queue(pages, line, opened):
    page = opened("lea")
    go(page, line, "/queue")
    first = page.locator("#tiles .tile").first
    first.locator("a").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Assign…").click()
    page.get_by_label("To", exact=True).select_option("ann")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("1 cover assigned to ann")
    expect(page.locator("#tiles .tile").first).to_contain_text("for ann")
    ann = opened("ann")
    go(ann, line, "/queue?tab=assigned")
    expect(ann.locator("#tiles .tile")).to_have_count(1)


@pytest.mark.parametrize(
    ("scheme", "paths"), [("light", ("/queue?ds=all&order=oldest",)), ("dark", ("/inbox", "/case/{}"))]
)
def test_axe_finds_no_serious_issue(pages, line, opened, client, scheme, paths):
    row = next(row for row in rows_of(pages[0]) if row.doubled)
    if row.queue != "disputed":
        client("ann").decide(row.id, "reject", row.last_entry, reason="ugly", note="@bob look")
        client("bob").decide(row.id, "approve", row.last_entry)
    page = opened("bob")
    page.emulate_media(color_scheme=scheme)
    for path in paths:
        go(page, line, path.format(row.id))
        found = Axe().run(page).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
