"""What somebody with bad intentions sends: it stays text, is refused, and is written down."""

import json
import socket
from html.parser import HTMLParser

import pytest
from sqlalchemy import func, select

from benchmarks import made_up_night
from benchmarks.desk_server import Client, add_people, serving
from conf.settings import Settings
from generation.review.log.database import open_database
from generation.review.log.schema import audit, candidates, cases, entries
from generation.review.log.sealing import chain
from jobs.lake.images import ImageStore
from tests.support.desk.hostile_texts import HIT, TEXTS

DS = made_up_night.DS
PEOPLE = {"ann": "reviewer", "bob": "reviewer", "vic": "viewer", "lea": "lead"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A served desk of 200 covers whose titles, prompts, categories and segments are hostile."""
    home = tmp_path_factory.mktemp("hostile")
    url = f"sqlite:///{home}/desk.sqlite"
    database = open_database(url, home)
    rows = list(made_up_night.units(len(TEXTS), titles=list(TEXTS), images=ImageStore(str(home / "images"))))
    for row, text in zip(rows, TEXTS, strict=True):
        row |= {"category": text.replace("\x00", "")[:200], "segment_id": text[::-1][:200], "policy_reason": text}
    with database.writing() as connection:
        made_up_night.put(connection, DS, rows)
    made_up_night.put_facts(database, DS)
    add_people(database, Settings(), PEOPLE)
    with serving(url, home) as server:
        yield database, server.port
    database.close()


@pytest.fixture
def database(desk):
    return desk[0]


@pytest.fixture
def ann(desk):
    return Client(desk[1], "ann")


@pytest.fixture
def bob(desk):
    return Client(desk[1], "bob")


@pytest.fixture
def lea(desk):
    return Client(desk[1], "lea")


def refusals(database):
    with database.reading() as connection:
        refused = select(func.count()).select_from(audit).where(audit.c.outcome == "refused")
        return connection.execute(refused).scalar_one(), chain.head(connection)[0]


class Markup(HTMLParser):
    """What a page is made of: scripts, handlers, and the text of its headings."""

    def __init__(self, page):
        super().__init__()
        self.scripts, self.strange, self.heading, self._in = [], [], "", False
        self.feed(page.decode())

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self._in = self._in or (tag == "h1" and not self.heading)
        if tag == "script":
            self.scripts.append(found.get("src") or "inline")
        if tag in ("iframe", "object", "embed", "base", "style", "svg", "math", "template") or "http-equiv" in found:
            self.strange.append(tag)
        self.strange += [name for name in found if name.startswith("on") or name in ("style", "srcdoc")]
        links = [value or "/" for name, value in found.items() if name in ("href", "src", "action")]
        self.strange += [link for link in links if link[0] not in "/#?"]

    def handle_endtag(self, tag):
        self._in = self._in and tag != "h1"

    def handle_data(self, data):
        self.heading += data if self._in else ""


def unbroken(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def test_two_hundred_titles_are_text_on_every_page(desk, lea):
    assert len(TEXTS) == 200
    for number, text in enumerate(TEXTS, start=1):
        status, page, headers = lea.get(f"/case/{number}")
        found = Markup(page)
        assert status == 200, text
        assert all(source.startswith("/static/") for source in found.scripts), text
        assert found.strange == [], text
        expected = text.replace("\x00", "") or f"item-{(number - 1) // 4:06d}"
        assert unbroken(found.heading) == unbroken(expected)
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert Markup(lea.get(f"/context/{number}")[1]).strange == []


def test_notes_and_takedown_reasons_are_kept_as_text(database, ann, lea):
    written = [text + " ." for text in TEXTS if len(text) < 1990]
    assert len(written) == 198
    assert {ann.decide(1 + place, "note", 0, note=text)[0] for place, text in enumerate(written)} == {200}
    assert ann.decide(1, "note", 0, note="x" * 2001)[0] == 422
    with database.reading() as connection:
        notes = [entry.note for entry in chain.read(connection) if entry.kind == "note"]
        assert chain.faults(connection) == []
    assert notes == [text.replace("\x00", "").strip() for text in written]
    for number in (1, 50, 150):
        assert Markup(lea.get(f"/case/{number}")[1]).strange == []
    lines = lea.get("/audit.jsonl")[1].decode().strip().split("\n")
    assert sum(json.loads(line)["log"] == "decisions" for line in lines) >= 198


def test_in_the_browser_nothing_runs(desk, browser):
    """The queue, the focus view and the offline file with all titles: no script, no request elsewhere."""
    context = browser.new_context()
    page, said, asked = context.new_page(), [], []
    page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    home = f"http://127.0.0.1:{desk[1]}"
    page.goto(f"{home}/sign-in")
    page.fill("[name=name]", "lea")
    page.fill("[name=password]", "correct horse battery")
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/queue*")
    next_page, seen = f"{home}/queue?tab=all", 0
    while next_page:
        page.goto(next_page)
        assert page.evaluate("window.hit") is None
        more = page.locator("a[href*='after=']")
        next_page, seen = (home + more.first.get_attribute("href")) if more.count() else None, seen + 1
    assert seen == 5
    page.goto(f"{home}/focus?tab=pending")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    page.goto(f"{home}/results")
    page.goto(f"{home}/audit")
    assert page.evaluate("window.hit") is None
    assert said == []
    assert {url.split("/")[2] for url in asked if url.startswith("http")} == {f"127.0.0.1:{desk[1]}"}
    context.close()


PATHS = [
    *(f"/{root}/{way}" for root in ("img", "static", "export", "case", "api/similar", "api/cards") for way in (
        "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "..%5c..%5cwin.ini", "%00",
        "....//....//etc/passwd", "%252e%252e%252fetc%252fpasswd", "~root", "C:%5cboot.ini", "%c0%ae%c0%ae/")),
    "/img/", "/img", "/static/", "/static", "/images", "/.git/config", "/desk.sqlite", "/img/" + "a" * 63,
    "/img/" + "A" * 64, "/img/" + "g" * 64, "/img/" + "0" * 64, "/img/" + "0" * 64 + ".part", "/img/" + "0" * 64 + "/",
    "//etc/passwd", "/%2fetc/passwd", "/static/desk.js/../app.py", "/static/DESK.JS", "/static/desk.js%00.css",
    "/docs", "/openapi.json", "/redoc", "/case/99999999999999999999", "/case/-1", "/case/1e3", "/case/0x1",
]  # fmt: skip


def test_no_path_leads_out(ann):
    for path in PATHS:
        status, body, headers = ann.get(path)
        assert status in (307, 400, 404, 422), path
        assert b"root:" not in body, path
        assert headers["x-content-type-options"] == "nosniff", path
    for raw in (
        b"GET /img/../../etc/passwd HTTP/1.1",
        b"GET http://evil/img/ HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"\x16\x03",
    ):
        with socket.create_connection(("127.0.0.1", ann.port)) as line:
            line.sendall(raw + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = line.makefile("rb").read()
        assert b"root:" not in answer
        assert answer.split(b" ")[1] in (b"400", b"404", b"303"), raw


def test_pictures_need_a_session_and_their_bytes_decide_their_type(database, ann, desk):
    with database.reading() as connection:
        sha = connection.execute(select(candidates.c.cover_id).limit(1)).scalar_one()
    status, body, headers = ann.get(f"/img/{sha}")
    assert (status, headers["content-type"], body[:4]) == (200, "image/png", b"\x89PNG")
    assert Client(desk[1]).get(f"/img/{sha}")[0] == 303
    assert Client(desk[1]).get("/api/cards")[0] == 401


FORGED = [
    {"case": -1}, {"case": 10**30}, {"case": "1 OR 1=1"}, {"case": 1.5}, {"case": None}, {"case": [1]}, {"case": 999},
    {"kind": "takedown"}, {"kind": "undo"}, {"kind": "ab"}, {"kind": "\ud800"}, {"kind": "approve'--"}, {"kind": ""},
    {"kind": "reject"}, {"kind": "reject", "reason": "because"}, {"kind": "reject", "reason": "\ud800"},
    {"kind": "pick"}, {"kind": "pick", "cover": "0" * 64}, {"kind": "pick", "cover": "../x"},
    {"kind": "pick", "cover": "\x00"},
    {"seen": -1}, {"seen": 10**30}, {"key": ""}, {"key": "x" * 81}, {"key": None}, {"by": "bob"}, {"lead": True},
    {"at": "2020-01-01"}, {"note": "x" * 2001}, {"note": {"a": 1}}, {"adjudicates": True},
]  # fmt: skip


@pytest.mark.parametrize("change", FORGED, ids=repr)
def test_forged_decisions_are_refused(database, ann, change):
    before = refusals(database)
    wish = {"case": 100, "kind": "approve", "seen": 0, "key": f"forged-{len(repr(change))}", **change}
    status, answer = ann.post("/api/decide", wish)
    assert 400 <= status < 500, answer
    after = refusals(database)
    assert after[1] == before[1]
    assert after[0] == before[0] + 1


BROKEN = (
    *(b"", b"{", b"[]", b"null", b'{"case": NaN}', b'{"case": 1e999}', b"\xff\xfe", b"[" * 100_000),
    b'{"case": 1' + b"0" * 5000 + b"}",
)


def test_broken_bodies_are_refused(database, ann):
    before = refusals(database)[1]
    kinds = {"Content-Type": "application/json", "X-CSRF-Token": ann.csrf}
    for body in BROKEN:
        status, answer, _ = ann.ask("POST", "/api/decide", body, kinds)
        assert 400 <= status < 500, (body[:20], answer)
    for path in ("/api/undo", "/api/takedown", "/api/ab"):
        assert 400 <= ann.ask("POST", path, b'{"x": NaN}', kinds)[0] < 500
    assert refusals(database)[1] == before


def test_what_is_somebody_elses_stays_theirs(database, ann, bob, lea):
    before = refusals(database)
    key = "a-key-of-ann-1"
    assert ann.post("/api/decide", {"case": 120, "kind": "approve", "seen": 0, "key": key})[0] == 200
    assert bob.post("/api/decide", {"case": 120, "kind": "approve", "seen": 0, "key": key})[0] == 422
    assert bob.decide(120, "reject", 0, reason="ugly")[0] == 409
    preview = lea.form("/bulk/preview", {"tab": "pending", "ds": DS, "kind": "approve", "ids": "130,131"})
    assert preview[0] == 303
    token = preview[2]["location"].split("/bulk/preview/")[1].split("?")[0]
    assert lea.get(f"/bulk/preview/{token}")[0] == 200
    assert ann.get(f"/bulk/preview/{token}")[0] == 403
    assert ann.form("/bulk/apply", {"token": token})[0] == 403
    pair = json.loads(bob.get(f"/api/ab?contest=original:profile&ds={DS}")[1])["pair"]
    assert ann.post("/api/ab", {"token": pair["token"], "choice": "left"})[0] == 404
    assert ann.form("/people", {"name": "ann", "role": "lead", "password": "x" * 12})[0] == 403
    assert ann.get("/audit.jsonl")[0] == ann.get("/results")[0] == 403
    after = refusals(database)
    assert after[1] == before[1] + 1
    assert after[0] - before[0] == 8


def test_sessions_cannot_be_guessed_borrowed_or_kept(database, ann, bob, desk):
    before = refusals(database)
    wish = {"case": 140, "kind": "approve", "seen": 0, "key": "borrowed-session"}
    real, token = bob.cookie, ann.csrf
    guesses = ["", "coverlift_desk=", "coverlift_desk=x", "coverlift_desk=' OR 1=1"]
    for cookie in (*guesses, real[:-1], real + "x", "coverlift_desk=" + real[15:].swapcase()):
        thief = Client(desk[1])
        thief.cookie, thief.csrf = cookie, bob.csrf
        assert thief.post("/api/decide", wish)[0] == 401, cookie
    bob.csrf = token
    assert bob.post("/api/decide", wish)[0] == 403
    assert Client(desk[1]).get("/queue", {"X-Forwarded-User": "lea", "X-Remote-User": "lea"})[0] == 303
    ann.form("/sign-out", {})
    assert ann.post("/api/decide", wish)[0] == 401
    after = refusals(database)
    assert after[1] == before[1]
    assert after[0] - before[0] == 9


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": None},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "x" * 43},
        {"X-CSRF-Token": None},
        {"Origin": None, "Content-Type": "text/plain"},
    ],
    ids=repr,
)
def test_requests_from_other_sites_are_refused(database, ann, headers):
    before = refusals(database)
    for path in ("/api/decide", "/api/undo", "/api/takedown"):
        assert ann.post(path, {"case": 150, "kind": "approve", "seen": 0, "key": "cross-site-1"}, **headers)[0] == 403
    after = refusals(database)
    assert after == (before[0] + 3, before[1])


def test_hostile_file_names_and_files_are_refused_by_the_import(database, ann):
    before = refusals(database)
    for name in [text for text in TEXTS if "\r" not in text and "\n" not in text][:40]:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')[:2000]
        body = (
            f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{ann.csrf}\r\n'
            f'--b\r\nContent-Disposition: form-data; name="decisions"; filename="{quoted}"\r\n'
            f"Content-Type: text/html\r\n\r\n<script>{HIT}</script>\r\n--b--\r\n"
        ).encode()
        status, page, headers = ann.ask("POST", "/import", body, {"Content-Type": "multipart/form-data; boundary=b"})
        assert status in (400, 403, 422), name
        assert "x-injected" not in headers
        assert HIT.encode() + b"</script>" not in page
    after = refusals(database)
    assert after[1] == before[1]
    assert after[0] > before[0]


def test_other_hosts_and_giants_are_turned_away(ann):
    assert ann.get("/queue", {"Host": "evil.example"})[0] == 400
    with socket.create_connection(("127.0.0.1", ann.port)) as line:
        start = f"POST /import HTTP/1.1\r\nHost: 127.0.0.1:{ann.port}\r\nOrigin: http://127.0.0.1:{ann.port}\r\n"
        line.sendall(start.encode() + b"Content-Length: 999999999999\r\n\r\n")
        assert b" 413 " in line.recv(100)


def test_after_all_this_the_log_holds(database):
    with database.reading() as connection:
        assert chain.faults(connection) == []
        assert connection.execute(select(func.count()).select_from(cases)).scalar_one() == 200
        assert set(connection.execute(select(entries.c.by)).scalars()) <= set(PEOPLE)
