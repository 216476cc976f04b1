import hashlib
import hmac
import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import Entry
from tests.generation.review.conftest import NOW

DS = "2026-03-29"


@pytest.fixture
def written(make_desk):
    database = make_desk(0)
    words = ["approve", "skip", "approve"]
    with database.writing() as connection:
        entries = chain.append(
            connection,
            [Entry(kind=kind, ds=DS, by="änn", unit_id=f"u{place}") for place, kind in enumerate(words)],
            NOW,
        )
    return database, entries


def test_every_hash_covers_the_one_before_it(written):
    database, entries = written
    body = json.dumps(
        {"at": "2026-03-30T08:00:00.000000+00:00", "by": "änn", "ds": DS, "kind": "approve", "seq": 1, "unit_id": "u0"},
        separators=(",", ":"),
        ensure_ascii=False,
    )
    secret = bytes.fromhex(json.loads(database.seal.path.read_text())["coverlift_desk_key"])
    text = "decisions\n" + "0" * 64 + "\n" + body
    assert entries[0].hash == hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    with database.reading() as connection:
        assert chain.faults(connection) == []
        assert list(chain.read(connection)) == entries
        assert chain.head(connection)[:2] == (3, entries[2].hash)


def test_times_only_grow_whatever_the_clock_does(written):
    database, entries = written
    assert entries[0].at < entries[1].at < entries[2].at
    with database.writing() as connection:
        late = chain.append(connection, [Entry(kind="skip", ds=DS, by="bob")], NOW.replace(year=2020))
    assert late[0].at > entries[2].at


@pytest.mark.parametrize("statement", ["UPDATE entries SET kind = 'reject'", "DELETE FROM entries"])
def test_the_database_itself_refuses_to_change_the_log(written, statement):
    database, _ = written
    with pytest.raises(DBAPIError, match="append-only"), database.writing() as connection:
        connection.execute(text(statement))
    with database.reading() as connection:
        assert len(list(chain.read(connection))) == 3


FORGED = {
    "body": "REPLACE(body, 'u1', 'u9')",
    "hash": "'g' || SUBSTR(hash, 2)",
    "previous": "'g' || SUBSTR(previous, 2)",
    "kind": "'reject'",
    "unit_id": "'u9'",
    "by": "'eve'",
    "at": "'2026-03-30T09:00:00.000000+00:00'",
}


@pytest.mark.parametrize("column", FORGED)
def test_whoever_gets_around_that_is_found(written, column):
    database, _ = written
    with database.writing() as connection:
        if database.is_sqlite:
            connection.execute(text("DROP TRIGGER entries_no_UPDATE"))
        else:
            connection.execute(text("ALTER TABLE entries DISABLE TRIGGER ALL"))
        connection.execute(text(f'UPDATE entries SET "{column}" = {FORGED[column]} WHERE seq = 2'))
    with database.reading() as connection:
        assert chain.faults(connection)
