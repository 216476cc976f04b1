import threading
import time
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, insert, select, text

from conf.errors import NotSaved, Refused
from generation.review.log.database import SHARED, open_database
from generation.review.log.schema import audit, metadata

NOW = datetime(2026, 3, 30, 8, tzinfo=UTC).isoformat()


def line(who):
    return {"at": NOW, "who": who, "address": "", "action": "", "object": "", "outcome": "done"}


@pytest.fixture
def shared(desk_url, tmp_path):
    """A database, and what runs writers so that all of them wait while the first one is inside."""
    database, commits = open_database(desk_url, tmp_path), []
    event.listen(database.engine, "commit", lambda connection: commits.append(1))

    def together(*bodies):
        inside, outcomes = threading.Event(), {}

        def run(place, body):
            try:
                with database.writing() as connection:
                    if place == 0:
                        inside.set()
                        while database._queued < len(bodies) - 1:
                            time.sleep(0.001)
                    body(connection)
                outcomes[place] = "saved"
            except Exception as error:
                outcomes[place] = type(error).__name__

        threads = [threading.Thread(target=run, args=pair) for pair in enumerate(bodies)]
        threads[0].start()
        inside.wait()
        for each in threads[1:]:
            each.start()
        for each in threads:
            each.join()
        with database.reading() as connection:
            kept = set(connection.execute(select(audit.c.who)).scalars())
        return [outcomes[place] for place in range(len(bodies))], kept, len(commits)

    yield together
    database.close()


def writes(who):
    return lambda connection: connection.execute(insert(audit), [line(who)])


def refuses(connection):
    raise Refused("no")


def breaks(connection):
    connection.execute(insert(audit), [line("half")])
    connection.execute(text("SELECT 1 FROM nowhere"))


def test_writers_that_wait_for_each_other_share_a_commit(shared):
    before = SHARED + 3
    outcomes, kept, commits = shared(*(writes(f"w{n}") for n in range(before)))
    assert outcomes == ["saved"] * before
    assert kept == {f"w{n}" for n in range(before)}
    assert commits == 2


def test_a_refusal_does_not_harm_the_others(shared):
    outcomes, kept, _ = shared(writes("a"), refuses, writes("b"), refuses)
    assert sorted(outcomes) == ["Refused", "Refused", "saved", "saved"]
    assert kept == {"a", "b"}


def test_when_one_breaks_nobody_of_the_batch_is_told_that_it_was_saved(shared):
    outcomes, kept, _ = shared(writes("a"), breaks, writes("b"))
    saved = {name for name, outcome in zip("a-b", outcomes, strict=True) if outcome == "saved"}
    assert kept == saved
    assert outcomes[0] == NotSaved.__name__ or "a" in kept
    assert "Error" in outcomes[1]


def test_the_database_works_on_after_a_failure(desk_url, tmp_path):
    database = open_database(desk_url, tmp_path)

    def fail():
        with database.writing() as connection:
            connection.execute(insert(audit), [line("gone")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.writing(alone=True) as connection:
        connection.execute(insert(audit), [line("kept")])
        assert connection.execute(select(audit.c.who)).scalars().all() == ["kept"]
    database.close()


def test_the_migrations_make_the_tables_that_the_code_knows(desk_url, tmp_path):
    database = open_database(desk_url, tmp_path)
    with database.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    database.close()
    assert differences == []
