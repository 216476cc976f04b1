"""Ways round four eyes: a cover that two people decide stays undecided until two people have answered."""

import hashlib
import json
from datetime import timedelta

import pytest

from benchmarks import made_up_night
from benchmarks.desk_server import PASSWORD, QUICK, Client, add_people, serving
from conf.errors import CoverliftError, Refused
from conf.review import ReviewSettings
from conf.settings import Settings
from generation.review.log import decisions
from generation.review.log.decisions import Decision
from generation.review.log.queue import Filter
from generation.review.log.sealing import chain
from generation.review.offline import offline_file
from generation.review.web import bulk
from generation.review.web.accounts import Accounts
from jobs.lake.images import ImageStore
from tests.generation.review.conftest import NOW, rows_of

DS = made_up_night.DS
SETTINGS = ReviewSettings()
PEOPLE = {"ann": "reviewer", "bob": "reviewer", "lea": "lead", "max": "lead"}


@pytest.fixture
def desk(make_desk):
    """Two covers that two people decide."""
    database = make_desk(2, double_share=1.0)
    add_people(database, Settings(), PEOPLE)
    return database


def decide(database, kind="approve", by="ann", now=NOW, **more):
    row = rows_of(database)[0]
    wish = {"seen": row.last_entry, "reason": "ugly" if kind == "reject" else None, **more}
    return decisions.decide(database, Decision(case_id=row.id, kind=kind, by=by, **wish), SETTINGS.reasons, now)


def decide_many(database, asked, me="lea"):
    words = {"kind": "approve", "reason": None, "reasons": SETTINGS.reasons, "me": me, "limit": 10, "now": NOW}
    return bulk.apply(database, bulk.preview(database, asked, **words).token, me=me, now=NOW)


def forged(database, images, name):
    """A file of decisions that somebody wrote for a reviewer who never saw it."""
    asked = Filter(ds=DS, tab="pending")
    page = offline_file.export(database, images, asked, settings=SETTINGS, by="lea", now=NOW).decode()
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    saved = [
        {"unit": each["unit_id"], "kind": "approve", "cover": each["selected"], "at": "-"} for each in data["covers"]
    ]
    text = json.dumps({"export": data["export"], "ds": DS, "reviewer": name, "decisions": saved})
    digest = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({"format": "coverlift-offline-1", "payload": text, "sha256": digest}).encode()


def bring(database, content, by="lea", **more):
    lead = PEOPLE[by] == "lead"
    return offline_file.read_back(database, content, settings=SETTINGS, by=by, lead=lead, now=NOW, **more)


def own_dispute(database, _images):
    """A lead who voted settles her own dispute by a bulk of one."""
    decide(database, by="lea", lead=True)
    decide(database, "reject", by="bob")
    decide_many(database, [rows_of(database)[0].id])


def unseen_bulk(database, _images):
    """A bulk step settles what nobody saw."""
    decide_many(database, Filter(ds=DS, tab="pending"))


def two_files(database, images):
    """A lead forges the files of two other people and reads both in."""
    refused = [bring(database, forged(database, images, name)).refused for name in ("ann", "bob")]
    assert all("must sign in and bring that answer in person" in line for lines in refused for line in lines)
    raise Refused("both")


def command_line(database, images):
    """Somebody at the machine reads in files as two people."""
    for name in ("ann", "bob"):
        bring(database, forged(database, images, name), by=name, importer="command line")


def own_overruling(database, _images):
    """A lead who was one of the two overrules what both settled."""
    decide(database, "reject", by="lea", lead=True)
    decide(database, "reject", by="ann")
    decide(database, "approve", by="lea", lead=True)


def taken_over(database, _images):
    """A lead sets somebody's password and answers as both, long after."""
    people = Accounts(database, SETTINGS, QUICK)
    people.put("ann", "reviewer", "given by lea", NOW, by="lea")
    people.change_password("ann", "given by lea", "known to lea", "", NOW)
    later = NOW + timedelta(days=30)
    decide(database, by="lea", lead=True, now=later)
    decide(database, by="ann", now=later)


def second_account(database, _images):
    """A lead makes an account for herself and answers first by that, then by her own."""
    Accounts(database, SETTINGS, QUICK).put("second", "reviewer", PASSWORD, NOW, by="lea")
    decide(database, by="second", now=NOW + timedelta(days=2))
    decide(database, by="lea", lead=True, now=NOW + timedelta(days=2))


def two_taken_over(database, _images):
    """A lead sets the passwords of two people and answers as both on the same day."""
    for name in ("ann", "bob"):
        Accounts(database, SETTINGS, QUICK).put(name, "reviewer", PASSWORD, NOW, by="lea")
    for name in ("ann", "bob"):
        decide(database, by=name, now=NOW + timedelta(hours=23))


WAYS = (
    own_dispute, unseen_bulk, two_files, command_line, own_overruling, taken_over, second_account, two_taken_over,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_way_round_four_eyes(desk, tmp_path, way):
    before = None
    try:
        way(desk, ImageStore(str(tmp_path / "images")))
    except CoverliftError as error:
        before = str(error)
    approved = [row for row in rows_of(desk) if row.verdict == "approve"]
    assert approved == []
    assert before is not None or way is command_line
    with desk.reading() as connection:
        assert chain.faults(connection) == []


def test_two_people_whose_passwords_nobody_else_knows_still_settle_it(desk):
    decide(desk, by="ann")
    assert decide(desk, by="lea", lead=True).more == {}
    assert rows_of(desk)[0].verdict == "approve"
    decide(desk, "reject", by="max", lead=True)
    assert rows_of(desk)[0].decided_by == "max"
    decide(desk, "approve", by="max", lead=True)
    assert rows_of(desk)[0].verdict == "approve"


def test_people_whom_a_lead_let_in_settle_it_after_a_day_and_are_named_with_her(desk):
    people = Accounts(desk, SETTINGS, QUICK)
    for name in ("ann", "bob"):
        people.put(name, "reviewer", PASSWORD, NOW, by="lea")
        with pytest.raises(Refused, match="lea set your password: until 2026-03-31T08:00"):
            decide(desk, by=name)
    later = NOW + timedelta(hours=24)
    assert decide(desk, by="ann", now=later).more == {"deputy": "lea"}
    decide(desk, "reject", by="bob", now=later)
    assert rows_of(desk)[0].queue == "disputed"
    decide(desk, by="lea", lead=True, now=later)
    assert rows_of(desk)[0].decided_by == "lea"


def test_who_reads_a_file_in_is_named_in_the_entry(make_desk, tmp_path):
    database = make_desk(2)
    add_people(database, Settings(), PEOPLE)
    images = ImageStore(str(tmp_path / "images"))
    assert bring(database, forged(database, images, "ann")).taken == 2
    with database.reading() as connection:
        assert {(entry.by, entry.more["importer"]) for entry in chain.read(connection)} == {("ann", "lea")}


def test_each_of_the_two_may_bring_a_file_in_person(desk, tmp_path):
    for name in ("ann", "bob"):
        content = forged(desk, ImageStore(str(tmp_path / "images")), name)
        assert bring(desk, content, by=name).refused == []
    assert [row.verdict for row in rows_of(desk)] == ["approve", "approve"]


def test_over_the_network_a_password_that_a_lead_set_opens_nothing_until_it_is_changed(tmp_path):
    from generation.review.log.database import open_database

    url, settings = f"sqlite:///{tmp_path}/desk.sqlite", Settings.model_validate({"review": {"handover_hours": 0}})
    database = open_database(url, tmp_path)
    made_up_night.fill(database, 2, double_share=1.0)
    add_people(database, settings, PEOPLE)
    case = rows_of(database)[0].id
    with serving(url, tmp_path, settings) as server:
        lea = Client(server.port, "lea")
        assert lea.decide(case, "approve", 0)[0] == 200
        assert lea.form("/people", {"name": "ann", "role": "reviewer", "password": "given by lea"})[0] == 200
        ann = Client(server.port)
        ann.sign_in("ann", "given by lea")
        assert ann.get("/queue")[2]["location"] == "/password"
        ann.csrf = ann.get("/password")[1].decode().split('name="csrf" content="')[1].split('"')[0]
        assert ann.decide(case, "approve", 0)[0] == 403
        change = {"old": "given by lea", "new": "only ann knows it", "again": "only ann knows it"}
        for wrong in ({"old": "x" * 12}, {"again": "x"}, {"new": "short", "again": "short"}):
            assert ann.form("/password", {**change, **wrong})[0] == 422
        status, _, headers = ann.form("/password", change)
        assert (status, headers["location"]) == (303, "/queue")
        ann.sign_in("ann", "only ann knows it")
        status, answer = ann.decide(case, "approve", 0)
        assert status == 422
        assert "somebody else must answer" in answer["error"]
        assert lea.form("/people", {"name": "lea", "role": "viewer", "password": ""})[0] == 422
        assert lea.form("/people", {"name": "bob", "role": "viewer", "password": ""})[0] == 200
    assert rows_of(database)[0].verdict is None
    assert Accounts(database, settings.review).role_of("bob") == "viewer"
    database.close()
