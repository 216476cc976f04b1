"""Outages in a real browser: the line is cut, answers are lost, the server is killed, the cookie is gone."""

import time
from contextlib import contextmanager, suppress
from itertools import cycle

import pytest
from playwright.sync_api import TimeoutError, expect
from sqlalchemy import select

from benchmarks import made_up_night
from benchmarks.desk_server import PASSWORD, add_people, serving
from conf.settings import Settings
from generation.review.log import decisions
from generation.review.log.database import open_database
from generation.review.log.schema import entries
from generation.review.log.sealing import chain
from jobs.lake.images import ImageStore
from tests.generation.review.conftest import NOW
from tests.support.desk.broken_line import BrokenLine

SHORT = [0.2 + 0.05 * number for number in range(20)]
LONG = [round(120 ** (number / 19), 1) for number in range(20)]
"""Seconds: 1 to 120."""
HEADER = {"proxy_header": "X-Forwarded-User", "proxy_addresses": ["127.0.0.1"]}
TROUBLES = ("cut", "mute", "restart", "cookie")


@contextmanager
def desk_behind_a_line(folder, number, **review):
    url, settings = f"sqlite:///{folder}/desk.sqlite", Settings.model_validate({"review": review})
    database = open_database(url, folder)
    made_up_night.fill(database, number, images=ImageStore(str(folder / "images")))
    add_people(database, settings, {"ann": "reviewer"})
    with serving(url, folder, settings) as server:
        line = BrokenLine(server.port)
        yield database, server, line
        line.close()
    database.close()


def nothing_waits(page, seconds=20):
    """Until nothing in the browser waits to be sent."""
    until = time.monotonic() + seconds
    while page.evaluate("outbox.waiting().length"):
        assert time.monotonic() < until
        page.wait_for_timeout(50)


class Reviewer:
    """Somebody who goes on deciding whatever the line does, and writes down what the page said."""

    def __init__(self, browser, line, database, header):
        more = {"extra_http_headers": {"X-Forwarded-User": "ann"}} if header else {}
        self.context, self.line, self.database, self.header = browser.new_context(**more), line, database, header
        self.page = self.context.new_page()
        self.decided, self.false_saved, self.false_empty = set(), 0, 0
        self.page.goto(f"http://127.0.0.1:{line.port}/queue")
        if not header:
            self.page.get_by_label("Name").fill("ann")
            self.page.get_by_label("Password").fill(PASSWORD)
            self.page.keyboard.press("Enter")
            self.page.wait_for_url("**/queue")
        self.page.goto(f"http://127.0.0.1:{line.port}/focus")

    def kept(self):
        """Cases of decisions that the log holds, one for each entry."""
        with self.database.reading() as connection:
            rows = connection.execute(select(entries.c.unit_id).where(entries.c.by == "ann")).scalars().all()
        return list(rows)

    def decide(self, number):
        """One decision, where there is a cover; then what the page says is compared with what is so."""
        case = self.page.evaluate("document.querySelector('article.current')?.dataset.case ?? null")
        if case is not None and not self.page.locator("dialog[open]").count():
            for key in ("r", "3") if number % 3 == 2 else ("a",):
                self.page.keyboard.press(key)
            self.decided.add(case)
        self.compare()

    def compare(self):
        said = self.page.evaluate(
            "[document.querySelector('#saving').textContent, document.querySelector('#empty').hidden]"
        )
        self.false_saved += said[0] == "all saved" and len(self.kept()) < len(self.decided)
        self.false_empty += not said[1]

    def sign_in_again(self):
        dialog = self.page.locator("#sign-in[open]")
        if not self.header and dialog.count():
            with suppress(TimeoutError):  # it may close meanwhile
                dialog.get_by_label("Password").fill(PASSWORD, timeout=1000)
                dialog.get_by_label("Password").press("Enter", timeout=1000)
                dialog.wait_for(state="hidden", timeout=4000)

    def settle(self, seconds=60):
        """Until the page says that all is saved."""
        until = time.monotonic() + seconds
        while self.page.evaluate("outbox.waiting().length") and time.monotonic() < until:
            self.sign_in_again()
            self.compare()
            self.page.wait_for_timeout(100)
        expect(self.page.locator("#saving")).to_have_text("all saved")


def ride_through(reviewer, server, lengths, pace):
    """Outages one after the other, with decisions before, during and after each."""
    line, troubles = reviewer.line, cycle(TROUBLES[:3] if reviewer.header else TROUBLES)
    standing, number = 0, 0
    for length in lengths:
        trouble = next(troubles)
        reviewer.page.locator("article.current").wait_for()  # so that every outage falls upon a decision
        reviewer.decide(number := number + 1)
        if trouble == "cookie":
            reviewer.context.clear_cookies()
        elif trouble == "restart":
            server.kill()
        else:
            line.set(trouble)
        until = time.monotonic() + length
        while time.monotonic() < until:
            reviewer.decide(number := number + 1)
            standing += reviewer.page.locator("#unsaved").is_visible()
            reviewer.page.wait_for_timeout(min(pace, length) * 1000)
        if trouble == "restart":
            server.restart()
        line.set("up")
        asked_by = time.monotonic() + 60
        while trouble == "cookie" and not reviewer.page.locator("#sign-in[open]").count():
            assert time.monotonic() < asked_by, "the page does not ask to sign in again"
            reviewer.decide(number := number + 1)
            reviewer.page.wait_for_timeout(50)
        reviewer.sign_in_again()
        reviewer.decide(number := number + 1)
        reviewer.settle()
    return standing


def outages(folder, browser, header, lengths, pace):
    with desk_behind_a_line(folder, 600, **(HEADER if header else {})) as (database, server, line):
        reviewer = Reviewer(browser, line, database, header)
        standing = ride_through(reviewer, server, lengths, pace)
        kept = reviewer.kept()
        with database.reading() as connection:
            faults = chain.faults(connection)
        lost, double = len(reviewer.decided) - len(set(kept)), len(kept) - len(set(kept))
        print(
            f"{'proxy header' if header else 'local accounts'}: {len(lengths)} outages of {min(lengths):g} to "
            f"{max(lengths):g} s, {len(reviewer.decided)} decisions: {lost} lost, {double} double, "
            f"{reviewer.false_saved} false 'all saved', {reviewer.false_empty} false 'nothing is left'"
        )
        reviewer.context.close()
    assert (lost, double, reviewer.false_saved, reviewer.false_empty, faults) == (0, 0, 0, 0, [])
    assert len(reviewer.decided) >= len(lengths)
    return standing


@pytest.mark.parametrize("header", [False, True], ids=["local", "header"])
def test_twenty_short_outages_lose_nothing(tmp_path, browser, header):
    assert outages(tmp_path, browser, header, SHORT, 0.1) > 0


@pytest.mark.soak
@pytest.mark.parametrize("header", [False, True], ids=["local", "header"])
def test_twenty_outages_of_1_to_120_seconds_lose_nothing(tmp_path, browser, header):
    assert outages(tmp_path, browser, header, LONG, 2.0) > 0


def test_what_waits_outlives_a_reload_and_can_be_taken_back(tmp_path, browser):
    with desk_behind_a_line(tmp_path, 12) as (database, server, line):
        reviewer = Reviewer(browser, line, database, header=False)
        page = reviewer.page
        line.set("cut")
        for number in range(3):
            reviewer.decide(number)
        page.keyboard.press("u")
        page.locator("#unsaved").wait_for()
        assert page.locator("#unsaved-words").inner_text().startswith("4 not saved, trying")
        line.set("up")
        page.goto("about:blank")
        page.goto(f"http://127.0.0.1:{line.port}/queue")  # any page of the desk sends what waits
        nothing_waits(page)
        kinds = []
        with database.reading() as connection:
            kinds = [entry.kind for entry in chain.read(connection)]
        assert kinds == ["approve", "approve", "reject", "undo"]
        assert server.process.is_alive()
        reviewer.context.close()


def test_a_refused_decision_stays_on_the_page_until_it_was_read(tmp_path, browser):
    with desk_behind_a_line(tmp_path, 12) as (database, _, line):
        reviewer = Reviewer(browser, line, database, header=False)
        case = int(reviewer.page.locator("article.current").get_attribute("data-case"))
        wish = decisions.Decision(case_id=case, kind="approve", by="bob", seen=0)
        decisions.decide(database, wish, (), NOW)
        reviewer.page.keyboard.press("a")
        reviewer.page.locator("#refused li").wait_for()
        assert "bob decided this cover after you opened it" in reviewer.page.locator("#refused").inner_text()
        assert reviewer.page.locator("#saving").inner_text() == "1 not saved"
        reviewer.page.reload()
        reviewer.page.get_by_role("button", name="Forget it").click()
        assert not reviewer.page.locator("#unsaved").is_visible()
        reviewer.context.close()
