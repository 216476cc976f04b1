import hashlib
import json
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from benchmarks import made_up_night
from conf.errors import Refused
from conf.review import ReviewSettings
from generation.review.log.database import open_database
from generation.review.log.decisions import Decision, decide
from generation.review.log.queue import Filter
from generation.review.log.schema import accounts, audit, cases
from generation.review.log.sealing import chain
from generation.review.offline.offline_file import MAX_BYTES, export, read_back, safe_name
from jobs.lake.images import ImageStore

DS = made_up_night.DS
NOW = datetime(2026, 3, 30, 8, tzinfo=UTC)
SETTINGS = ReviewSettings()
HOSTILE = [
    "</script><script>window.hit=1</script>",
    "<img src=x onerror='window.hit=1'>",
    "${window.hit=1}",
    "a\u2028b",
]
PENDING = Filter(ds=DS, tab="pending")


@pytest.fixture
def desk(tmp_path):
    """A desk of 12 covers with pictures, 2 candidates each, and two reviewers, a viewer and a lead."""
    database = open_database(None, tmp_path)
    images = ImageStore(str(tmp_path / "images"))
    made_up_night.fill(database, 12, images=images, titles=[*HOSTILE, "red fox"])
    people = {"ann": "reviewer", "bob": "reviewer", "vic": "viewer", "lea": "lead"}
    rows = [
        {"name": name, "role": role, "password": "-", "created_at": chain.stamp(NOW)} for name, role in people.items()
    ]
    with database.writing() as connection:
        connection.execute(insert(accounts), rows)
    yield database, images
    database.close()


def handed_out(desk, **more):
    return export(*desk, PENDING, settings=SETTINGS, by="ann", now=NOW, **more)


def data_of(html):
    return json.loads(re.search(rb'id="data">(.*?)</script>', html, re.S)[1])


def saved(data, changes=(), *, drop=(), **payload):
    """A file as the page saves it: the first three covers approved, rejected and picked."""
    first, second, third = data["covers"][:3]
    decisions = [
        {"unit": first["unit_id"], "kind": "approve", "cover": first["selected"], "at": "2026-03-30T07:00:00Z"},
        {"unit": second["unit_id"], "kind": "reject", "cover": second["selected"], "reason": "ugly", "at": "-"},
        {
            "unit": third["unit_id"],
            "kind": "pick",
            "cover": third["candidates"][1]["cover"],
            "note": "nicer",
            "at": "-",
        },
    ]
    for place, change in dict(changes).items():
        decisions[place] |= change
    whole = {"export": data["export"], "ds": DS, "reviewer": "ann", "decisions": decisions, **payload}
    text = json.dumps({name: value for name, value in whole.items() if name not in drop})
    return json.dumps(
        {"format": "coverlift-offline-1", "payload": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    ).encode()


def bring(desk, content, by="ann", *, lead=False):
    return read_back(desk[0], content, settings=SETTINGS, by=by, lead=lead, now=NOW)


def verdicts(database):
    with database.reading() as connection:
        query = select(cases.c.unit_id, cases.c.verdict, cases.c.reason, cases.c.decided_by, cases.c.cover_id)
        return {row.unit_id: tuple(row[1:]) for row in connection.execute(query.where(cases.c.verdict.is_not(None)))}


def test_decisions_come_back_once(desk):
    data = data_of(handed_out(desk))
    first, second, third = data["covers"][:3]
    report = bring(desk, saved(data))
    assert (report.taken, report.known, report.refused, report.reviewer) == (3, 0, [], "ann")
    assert verdicts(desk[0]) == {
        first["unit_id"]: ("approve", None, "ann", first["selected"]),
        second["unit_id"]: ("reject", "ugly", "ann", second["selected"]),
        third["unit_id"]: ("approve", None, "ann", third["candidates"][1]["cover"]),
    }
    again = bring(desk, saved(data))
    assert (again.taken, again.known) == (0, 3)
    with desk[0].reading() as connection:
        assert chain.faults(connection) == []
        entries = list(chain.read(connection))
    assert [entry.kind for entry in entries] == ["approve", "reject", "pick"]
    assert entries[0].more == {
        "offline": data["export"],
        "said_at": "2026-03-30T07:00:00Z",
        "importer": "ann",
    }
    assert entries[0].at.startswith("2026-03-30T08:00")


def test_who_decided_in_between_keeps_the_decision(desk):
    data = data_of(handed_out(desk))
    with desk[0].reading() as connection:
        number = connection.execute(select(cases.c.id).where(cases.c.unit_id == data["covers"][0]["unit_id"])).scalar()
    decide(desk[0], Decision(case_id=number, kind="reject", by="bob", seen=0, reason="brand"), SETTINGS.reasons, NOW)
    report = bring(desk, saved(data))
    assert report.taken == 2
    assert len(report.refused) == 1
    assert "bob decided this cover after you opened it" in report.refused[0]
    assert verdicts(desk[0])[data["covers"][0]["unit_id"]][2] == "bob"
    changed = bring(desk, saved(data, {1: {"reason": "brand"}}))
    assert (changed.taken, changed.known, len(changed.refused)) == (0, 1, 2)


@pytest.mark.parametrize(
    ("changes", "more", "by", "complaint"),
    [
        ({}, {"export": "0" * 32}, "ann", "made no offline file"),
        ({}, {"ds": "2026-03-28"}, "ann", "export was for 2026-03-29"),
        ({}, {"reviewer": "vic"}, "vic", "may not decide here"),
        ({}, {"reviewer": "eve"}, "eve", "review users add"),
        ({}, {}, "bob", "only a lead"),
        ({0: {"kind": "takedown"}}, {}, "ann", r"decisions\.0\.kind"),
        ({0: {"unit": "u1"}}, {}, "ann", "Decision 1 is about a cover that the export did not hold"),
        ({0: {"cover": "0" * 64}}, {}, "ann", "did not hold"),
        ({1: {"reason": None}}, {}, "ann", "Decision 2 rejects without one of the reasons"),
        ({1: {"reason": "because"}}, {}, "ann", "without one of the reasons wrong subject"),
        ({2: {"kind": "approve"}}, {}, "ann", "which is a pick"),
        ({0: {"extra": 1}}, {}, "ann", r"decisions\.0\.extra"),
        ({0: {"note": "x" * 2001}}, {}, "ann", r"decisions\.0\.note"),
        ({}, {"drop": ("reviewer",)}, "ann", "reviewer"),
    ],
)
def test_a_file_that_is_not_whole_decides_nothing(desk, changes, more, by, complaint):
    data = data_of(handed_out(desk))
    with pytest.raises(Refused, match=complaint):
        bring(desk, saved(data, changes, **more), by)
    assert verdicts(desk[0]) == {}
    with desk[0].reading() as connection:
        last = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(1)).one()
    assert (last.who, last.action, last.outcome) == (by, "offline import", "refused")


def test_a_cover_twice_a_changed_byte_and_a_giant_are_refused(desk):
    data = data_of(handed_out(desk))
    with pytest.raises(Refused, match="decides a cover twice"):
        bring(desk, saved(data, {1: {"unit": data["covers"][0]["unit_id"], "cover": data["covers"][0]["selected"]}}))
    whole = saved(data)
    payload = whole.index(b"approve")
    for place in (payload, payload + 3):
        with pytest.raises(Refused, match="hash is not that of its content"):
            bring(desk, whole[:place] + b"X" + whole[place + 1 :])
    for broken in (b"", b"[]", b"\xff\xfe", whole[:-5], whole.replace(b"coverlift-offline-1", b"coverlift-offline-9")):
        with pytest.raises(Refused, match="no file that the offline page saved"):
            bring(desk, broken)
    with pytest.raises(Refused, match="more than"):
        bring(desk, b" " * (MAX_BYTES + 1))
    assert verdicts(desk[0]) == {}


def test_a_lead_may_bring_the_file_of_another(desk):
    data = data_of(handed_out(desk))
    assert bring(desk, saved(data), "lea", lead=True).reviewer == "ann"
    assert {row[2] for row in verdicts(desk[0]).values()} == {"ann"}


def test_the_file_loads_nothing_and_an_empty_queue_is_said(desk):
    html = handed_out(desk).decode()
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", html)
    assert html.count("<script") == 2
    assert "default-src 'none'" in html
    assert len(data_of(html.encode())["images"]) == 12 * 3 + 3
    with pytest.raises(Refused, match="nothing to export"):
        export(*desk, Filter(ds=DS, tab="sampled"), settings=SETTINGS, by="ann", now=NOW)
    assert safe_name('2026-03-29"; ../x') == "2026-03-29x"


def test_in_the_browser_from_a_file_by_keys(desk, tmp_path, browser):
    """Look, decide by keys, undo, reload, save; hostile titles do nothing; the file comes back."""
    (tmp_path / "covers.html").write_bytes(handed_out(desk))
    context = browser.new_context(accept_downloads=True)
    page, requests, errors = context.new_page(), [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "covers.html").as_uri())
    titles = []
    for keys in ("a", "r3", "2", "a", "u", "a", "s", "a"):
        titles.append(page.locator("#title").inner_text())
        for key in keys:
            page.keyboard.press(key)
    assert set(titles) <= {"red fox", "a b", "a\u2028b", *HOSTILE}
    assert page.locator("#progress").inner_text() == "Cover 7 of 12; 5 decided"
    page.reload()
    assert page.locator("#progress").inner_text() == "Cover 7 of 12; 5 decided"
    assert page.evaluate("window.hit") is None
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth === 64)")
    page.fill("#reviewer", "ann")
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(tmp_path / "decisions.json")
    assert errors == []
    assert {url.split(":")[0] for url in requests} <= {"file", "data", "blob"}
    context.close()

    report = bring(desk, (tmp_path / "decisions.json").read_bytes())
    assert (report.taken, report.refused) == (5, [])
    with desk[0].reading() as connection:
        kinds = sorted(entry.kind for entry in chain.read(connection))
    assert kinds == ["approve", "approve", "approve", "pick", "reject"]
    assert {row[1] for row in verdicts(desk[0]).values() if row[0] == "reject"} == {"ugly"}
