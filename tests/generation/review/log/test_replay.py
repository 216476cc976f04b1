"""Random decisions: the state follows from the log alone, and no byte of the log changes unnoticed."""

import random
from datetime import date

import pytest
from sqlalchemy import text

from benchmarks import made_up_night, replay
from generation.review.log.database import open_database
from generation.review.log.sealing import chain
from generation.review.log.sync import decision_rows

DS = made_up_night.DS


@pytest.fixture
def filled(desk_url, tmp_path):
    database = open_database(desk_url, tmp_path)
    made_up_night.fill(database, 60, policy=None, double_share=0.3, sample_share=0.3)
    yield database
    database.close()


def test_random_decisions_replayed_come_to_the_same_state(filled):
    done = replay.act(filled, DS, 600 if filled.is_sqlite else 250)
    assert done.keys() >= {"approve", "reject", "pick", "undo", "skip", "note"}
    with filled.reading() as connection:
        assert chain.faults(connection) == []
        assert replay.differences(connection, DS) == []
        assert chain.head(connection)[0] > 100
    ids = [row["decision_id"] for row in decision_rows(filled, date.fromisoformat(DS))]
    assert len(ids) == len(set(ids)) > 0


@pytest.fixture
def small_log(tmp_path):
    database = open_database(None, tmp_path)
    made_up_night.fill(database, 12, policy=None, double_share=0.3)
    replay.act(database, DS, 40, seed=3)
    with database.engine.connect() as connection:
        replay.unguarded(connection)
        yield connection
        connection.rollback()
    database.close()


def test_any_changed_byte_of_the_log_is_found(small_log):
    last = chain.head(small_log)[0]
    assert last > 20
    every = [(seq, *change) for seq in (1, last // 2, last) for change in replay.changed_bytes(small_log, seq)]
    sample = random.Random(0).sample(every, 600)
    assert replay.unnoticed(small_log, iter(sample)) == []
    assert chain.faults(small_log) == []


def test_entries_cannot_be_left_out_exchanged_or_added(small_log):
    for forgery in (
        "DELETE FROM entries WHERE seq = 5",
        "UPDATE entries SET seq = seq + 1000 WHERE seq > 10",
        "INSERT INTO entries SELECT seq + 1000, substr(hash, 2) || substr(hash, 1, 1), previous, body, kind, ds, "
        "unit_id, \"by\", at, bulk_id, key || 'x' FROM entries WHERE seq = 4",
        "UPDATE entries SET body = (SELECT body FROM entries WHERE seq = 3) WHERE seq = 4",
    ):
        small_log.execute(text("SAVEPOINT forged"))
        small_log.execute(text(forgery))
        assert chain.faults(small_log), forgery
        small_log.execute(text("ROLLBACK TO forged"))
    assert chain.faults(small_log) == []
