"""Stacks, similar covers and the feed in a real browser, by keyboard."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.generation.review.conftest import rows_of
from tests.generation.review.web.test_browser import enter


class Place:
    """Where :func:`enter` goes."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def page(feed_desk, browser):
    """A lead's; at the end no script of it may have failed."""
    complaints = []
    context = browser.new_context()
    found = context.new_page()
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    enter(found, Place(feed_desk[1]), "lea")
    yield found
    context.close()
    assert complaints == []


@pytest.fixture
def at(page, feed_desk):
    def go(path):
        page.goto(f"http://127.0.0.1:{feed_desk[1]}{path}")
        return page

    return go


def accessible(page):
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def chosen(page):
    return {int(part) for part in page.locator("#bulk input[name=ids]").input_value().split(",") if part}


def test_a_closed_stack_is_selected_whole_an_open_one_cover_by_cover(at, feed_desk):
    rows, page = rows_of(feed_desk[0]), at("/queue")
    members = {rows[0].id, *(row.id for row in rows[8:12])}
    tile = page.locator(".tile.stack", has_text="5 alike")
    tile.locator("a").focus()
    page.keyboard.press("Space")
    assert chosen(page) == members
    page.keyboard.press("o")
    expect(page.locator(".tile.in-stack")).to_have_count(4)
    expect(tile.get_by_role("button")).to_have_attribute("aria-expanded", "true")
    assert chosen(page) == members
    page.keyboard.press("Space")  # the first of them alone
    assert len(chosen(page)) == 4
    accessible(page)
    page.keyboard.press("o")
    expect(page.locator(".tile.in-stack")).to_have_count(0)
    assert len(chosen(page)) == 4
    assert tile.locator("input").evaluate("box => box.indeterminate")


def test_a_stack_is_decided_as_a_bulk_step_by_its_rules(at, feed_desk):
    rows, page = rows_of(feed_desk[0]), at("/queue")
    members = [rows[0], *rows[8:12]]
    over = sum(row.nsfw > 0.4 for row in members)
    assert 0 < over < len(members)
    page.locator(".tile.stack", has_text="5 alike").locator("input").check()
    page.get_by_role("button", name="Approve them").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Approve {len(members) - over} covers?")
    assert f"{over} cover" in page.locator("main .note.bad").inner_text()


def test_similar_covers_are_chosen_and_previewed(at, feed_desk):
    rows, page = rows_of(feed_desk[0]), at("/case/1")
    page.keyboard.press("m")
    panel = page.locator(".similar")
    expect(panel.locator(".strip li")).to_have_count(13)
    panel.get_by_role("button", name="Only near-duplicates").click()
    expect(panel.get_by_role("status")).to_have_text("5 selected")
    accessible(page)
    panel.get_by_label("also of this item").check()
    expect(panel.locator(f'input[value="{rows[1].id}"]')).to_be_attached()
    panel.get_by_role("button", name="Only near-duplicates").click()
    panel.get_by_role("button", name="Reject them").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Reject 5 covers?")


def test_the_feed_on_three_devices_and_with_the_original(at):
    page = at("/case/1")
    page.keyboard.press("v")
    page.wait_for_url("**/context/1")
    device, own = page.locator(".device"), page.locator(".own .candidate")
    widths = []
    for name in ("Phone", "Tablet", "Desktop"):
        page.get_by_label(name).check()
        widths.append(device.bounding_box()["width"])
    assert widths == sorted(set(widths))
    expect(own).to_be_visible()
    page.get_by_label("With the original").check()
    expect(own).to_be_hidden()
    expect(page.locator(".own .original")).to_be_visible()
    accessible(page)
