"""The whole way over real redirects: desk, provider and back."""

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from benchmarks.desk_server import Client
from generation.review.log import verify
from generation.review.log.schema import accounts, audit, provider_visits
from tests.generation.review.conftest import rows_of
from tests.generation.review.web.oidc.conftest import Browser, desk_with_provider, query
from tests.support.desk.openid_provider import PASSWORD

expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def desk(browser, tmp_path_factory):
    """Ends before the browser does, whose pipes a desk that is started again has as well."""
    with desk_with_provider(tmp_path_factory.mktemp("oidc")) as found:
        yield found


def invite(desk, name, role="reviewer"):
    return Client(desk.port, "lea").form("/people", {"what": "put", "name": name, "role": role, "password": ""})


def refused(desk):
    with desk.database.reading() as connection:
        lines = connection.execute(select(audit.c.action, audit.c.object, audit.c.outcome).order_by(audit.c.id)).all()
    return [line.object for line in lines if line.outcome == "refused" and line.action == "sign in by the provider"]


def test_a_link_survives_the_way_and_a_decision_the_sign_in_in_place(desk, browser):
    assert b"signs in with the test" in invite(desk, "ann")[1]
    context = browser.new_context()
    page, row = context.new_page(), rows_of(desk.database)[0]
    page.goto(f"{desk.at}/case/{row.id}")
    page.get_by_role("link", name="Sign in with the test's account").click()
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{desk.at}/case/{row.id}")
    expect(page.locator(".who .name")).to_contain_text("ann")
    context.clear_cookies(name="coverlift_desk")
    page.keyboard.press("a")
    expect(page.locator("#unsaved-words")).to_contain_text("1 not saved, sign in again")
    with context.expect_page() as opened:
        page.locator("#sign-in").get_by_role("link", name="the test's account").click()
    opened.value.wait_for_url("**/queue")
    expect(page.locator("#saving")).to_have_text("all saved")
    assert rows_of(desk.database)[0].decided_by == "ann"
    context.close()
    assert verify.faults(desk.database) == []


def test_a_state_is_one_browsers_and_good_once(desk):
    ann, other = Browser(desk, "ann"), Browser(desk, "ann")
    back = ann.at_provider(ann.leave())
    assert other.go(back).status_code == 403  # another browser
    other.leave()
    assert other.go(back).status_code == 403  # which has a way of its own
    wrong = back.replace(query(back)["state"], "x" * 43)
    assert ann.go(wrong).status_code == 403
    assert ann.go(back).status_code == 303
    ann.cookies.clear("127.0.0.1", "/", "coverlift_desk")
    assert ann.go(back).status_code == 403
    assert ann.me() is None
    with desk.database.reading() as connection:
        assert len(connection.execute(select(provider_visits.c.state)).all()) == 1  # other's way


def test_a_code_is_good_once(desk):
    ann = Browser(desk, "ann")
    first = ann.at_provider(ann.leave())
    assert ann.go(first).status_code == 303
    ann.cookies.clear("127.0.0.1", "/", "coverlift_desk")
    second = ann.at_provider(ann.leave())
    stolen = second.replace(query(second)["code"], query(first)["code"])
    answer = ann.go(stolen)
    assert answer.status_code == 403
    assert "invalid_grant" in answer.text
    assert ann.me() is None


def test_a_code_without_the_verifier_of_its_way_is_refused(desk):
    """PKCE: a code of one way does not go with the verifier of another."""
    ann = Browser(desk, "ann")
    one, other = ann.at_provider(ann.leave()), ann.at_provider(ann.leave())
    assert ann.go(one.replace(query(one)["code"], query(other)["code"])).status_code == 403
    assert ann.me() is None


def test_strangers_and_accounts_that_are_not_connected_get_a_clear_page(desk):
    answer = Browser(desk, "eve").sign_in()
    assert (answer.status_code, "There is no account for you here" in answer.text) == (403, True)
    bob = Browser(desk, "bob")
    answer = bob.sign_in()
    assert (answer.status_code, "not connected with you" in answer.text) == (403, True)
    assert "Sign in with the test" in answer.text
    assert bob.me() is None
    assert len([line for line in refused(desk) if "account" in line]) == 2


def test_a_person_connects_an_account_of_a_password(desk):
    bob, page = Browser(desk, "bob"), Client(desk.port, "bob")
    status, body, headers = page.form("/oidc/connect", {})
    assert status == 200
    place = re.search(r'href="(http://[^"]+/authorize/[^"]+)"', body.decode())[1].replace("&amp;", "&")
    pair = headers["set-cookie"].split(";")[0]
    back = bob.at_provider(place)
    assert bob.go(back, headers={"Cookie": pair}).status_code == 403  # not signed in here
    place = page.form("/oidc/connect", {})
    link = re.search(r'href="(http://[^"]+/authorize/[^"]+)"', place[1].decode())[1].replace("&amp;", "&")
    pair = place[2]["set-cookie"].split(";")[0]
    status, _, headers = page.get(bob.at_provider(link).removeprefix(desk.at), {"Cookie": f"{page.cookie}; {pair}"})
    assert (status, headers["location"]) == (303, "/password")
    assert bob.sign_in().status_code == 303
    assert bob.me() == "bob"
    assert Client(desk.port, "bob").get("/queue")[0] == 200  # the password still opens it
    assert verify.faults(desk.database) == []


def test_nobody_connects_an_account_from_another_site(desk):
    page = Client(desk.port, "bob")
    status, _, _ = page.form("/oidc/connect", {"csrf": "wrong"})
    assert status == 403
    assert page.form("/oidc/connect", {}, **{"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_a_closed_account_stays_closed(desk):
    lea = Client(desk.port, "lea")
    assert b"cannot sign in any more" in lea.form("/people", {"what": "disable", "name": "ann"})[1]
    answer = Browser(desk, "ann").sign_in()
    assert (answer.status_code, "is closed" in answer.text) == (403, True)
    with desk.database.writing() as connection:
        connection.execute(accounts.update().where(accounts.c.name == "ann").values(disabled=0))


def test_nothing_leads_to_another_site(desk):
    ann = Browser(desk, "ann")
    place = ann.go(f"{desk.at}/oidc/start?next=https://evil.example&redirect_uri=https://evil.example").headers[
        "Location"
    ]
    assert query(place)["redirect_uri"] == f"{desk.at}/oidc/callback"
    back = ann.at_provider(place)
    for asked in ("https%3A%2F%2Fevil.example", "%2F%2Fevil.example%2F", "%2Fqueue%2F..%2F%2Fevil.example"):
        ann.cookies.set("coverlift_desk_next", asked, domain="127.0.0.1", path="/")
        assert ann.go(f"{back}&next=https://evil.example").headers.get("Location") == "/queue"
        back = ann.at_provider(ann.leave())
    assert ann.go(f"{desk.at}/oidc/start", headers={"Host": "evil.example"}).status_code == 400


def test_an_error_of_the_provider_is_no_sign_in_and_no_markup(desk):
    ann = Browser(desk, "ann")
    state = query(ann.leave())["state"]
    answer = ann.go(f"{desk.at}/oidc/callback?state={state}&error=<script>alert(1)</script>")
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    state = query(ann.leave())["state"]
    answer = ann.go(f"{desk.at}/oidc/callback?state={state}&code=x&iss=https://evil.example")
    assert "Another provider answered" in answer.text


@pytest.mark.parametrize("when", ["before", "after"])
def test_without_the_provider_the_password_still_works(desk, when):
    ann = Browser(desk, "ann")
    back = ann.at_provider(ann.leave()) if when == "after" else None
    desk.server.restart()  # so that nothing is known of the provider
    desk.liar.down = True
    answer = ann.go(back or f"{desk.at}/oidc/start")
    desk.liar.down = False
    assert answer.status_code == 503
    assert "The provider of the test&#39;s account does not answer" in answer.text
    assert Client(desk.port, "lea").get("/queue")[0] == 200
    assert ann.sign_in().status_code == 303
