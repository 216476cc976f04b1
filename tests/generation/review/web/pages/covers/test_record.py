"""What is handed out about a cover: all of it, to whoever may see the cover, and noted."""

import csv
import io

import pypdfium2
import pytest

from benchmarks import made_up_night
from benchmarks.desk_server import Client, add_people, serving
from conf.settings import Settings
from generation.review.log.database import open_database
from tests.generation.review.conftest import rows_of


def values(client, case=1):
    status, body, headers = client.get(f"/case/{case}/record.csv")
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    lines = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
    return {
        (line["section"].partition(" (")[0], line["row"], line["name"].partition(" (")[0]): line["value"]
        for line in lines
    }


def audited(database):
    with database.reading() as connection:
        return connection.exec_driver_sql("SELECT who, action, object FROM audit ORDER BY id").all()


def test_the_record_has_lineage_scores_decisions_and_clicks(feed_desk, covers_client):
    database = feed_desk[0]
    row = rows_of(database)[0]
    decided = covers_client("ann").decide(1, "reject", row.last_entry, reason="ugly")[1]
    covers_client("ann").post("/api/undo", {"key": "k" * 12})
    found = values(covers_client("vic"))
    row = rows_of(database)[0]
    assert found["Item and segment", "", "item"] == row.item_id
    assert found["Pictures", "", "candidate: SHA-256 of the file"] == row.cover_id
    assert found["Lineage", "", "unit"] == row.unit_id
    assert found["Lineage", "", "seed of this candidate"] == "71"
    assert found["Lineage", "", "encoders"] == "e1"
    assert found["Runs of the night", "1", "code version"] == "v1-test"
    assert found["Safety scores", "1", "score"] == f"{row.nsfw:g}"
    assert found["Written policy", "", "rule"] == "rule-ask"
    assert found["Decisions of people, from the desk's log", "1", "who"] == "ann"
    assert found["Decisions of people, from the desk's log", "1", "reason"] == "ugly"
    assert found["Decisions of people, from the desk's log", "1", "hash"] == decided["hash"]
    assert found["Decisions of people, from the desk's log", "1", "taken back"].startswith("by entry ")
    assert found["Decisions of the policy, and takedowns, from the lake", "1", "who"] == "policy:made-up"
    assert found["Nights that published it", "1", "night"] == row.ds
    assert [found["Propensities", "1", name] for name in ("policy", "impressions", "mean")] == ["rank", "5", "0.25"]
    clicks = next(section for section, _, _ in found if section.startswith("Clicks among"))
    assert [found[clicks, "1", name] for name in ("day", "impressions", "clicks")] == ["before", "8", "2"]
    assert found["This record", "", "made for"] == "vic (viewer)"


def test_every_download_is_in_the_audit_log(feed_desk, covers_client):
    row = rows_of(feed_desk[0])[4]
    before = len(audited(feed_desk[0]))
    covers_client("vic").get(f"/case/{row.id}/record.csv")
    status, body, headers = covers_client("ann").get(f"/case/{row.id}/record.pdf")
    assert (status, headers["content-type"], body[:5]) == (200, "application/pdf", b"%PDF-")
    assert f'filename="cover-{row.ds}-{row.unit_id[:12]}.pdf"' in headers["content-disposition"]
    about = f"{row.ds} {row.unit_id} {row.cover_id} as"
    action = "export the record of a cover"
    assert audited(feed_desk[0])[before:] == [("vic", action, f"{about} csv"), ("ann", action, f"{about} pdf")]


def test_the_pdf_says_what_the_csv_says(covers_client):
    found = values(covers_client("vic"))
    data = covers_client("vic").get("/case/1/record.pdf")[1]
    with pypdfium2.PdfDocument(data) as opened:
        text = "".join("".join(page.get_textpage().get_text_range() for page in opened).split())
    assert "Rödräv,キツネの顔[U+AC00U+C744]" in text
    skipped = ("title", "prompt", "made at", "when", "note")
    told = {name: value for name, value in found.items() if name[2] not in skipped and value}
    assert [name for name, value in told.items() if "".join(value.split()) not in text] == []
    assert len(told) > 60


@pytest.mark.parametrize(("name", "path", "status"), [
    (None, "/case/1/record.csv", 303), (None, "/case/1/record.pdf", 303), ("vic", "/case/999/record.pdf", 404),
    ("vic", "/case/1/record.xml", 404),
])  # fmt: skip
def test_who_may_not_and_what_is_not_there(feed_desk, covers_client, name, path, status):
    client = covers_client(name) if name else Client(feed_desk[1])
    before = audited(feed_desk[0])
    assert client.get(path)[0] == status
    assert [line for line in audited(feed_desk[0])[len(before):] if "export" in line[1]] == []  # fmt: skip


def test_the_first_of_two_answers_stays_unknown(tmp_path):
    url, settings = f"sqlite:///{tmp_path}/desk.sqlite", Settings()
    database = open_database(url, tmp_path)
    made_up_night.fill(database, 2, double_share=1.0)
    add_people(database, settings, {"ann": "reviewer", "bob": "reviewer"})
    title = "Decisions of people, from the desk's log"
    with serving(url, tmp_path, settings) as server:
        ann, bob = Client(server.port, "ann"), Client(server.port, "bob")
        assert ann.decide(1, "approve", 0)[0] == 200
        hidden = values(bob)
        assert [name for name in hidden if name[0] == title] == []
        assert hidden["Standing", "", "decided by people"] == "awaited"
        assert bob.decide(1, "approve", rows_of(database)[0].last_entry)[0] == 200
        assert {value for name, value in values(bob).items() if name[0] == title and name[2] == "who"} == {"ann", "bob"}
    database.close()
