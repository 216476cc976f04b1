"""Many reviewers at once, and a server that is killed while they decide; ``benchmarks/review.py`` does it for long."""

from benchmarks import crowd, made_up_night
from benchmarks.desk_server import add_people, serving
from benchmarks.review import PEOPLE, killed
from conf.settings import Settings
from generation.review.log.database import open_database

QUIET = Settings()


def opened(desk_url, tmp_path, covers):
    database = open_database(desk_url, tmp_path)
    made_up_night.fill(database, covers)
    add_people(database, QUIET, dict.fromkeys(PEOPLE, "reviewer"))
    return database


def test_of_twenty_reviewers_nothing_is_lost_and_nothing_done_twice(desk_url, tmp_path):
    database = opened(desk_url, tmp_path, 600)
    with serving(desk_url, tmp_path) as server:
        outcome = crowd.crowd(server.port, PEOPLE, seconds=60, enough=100)
    assert crowd.faults(database, outcome) == []
    assert (outcome.refused, outcome.broken) == ([], 0)
    assert len(outcome.known) >= 100
    database.close()


def test_what_was_acknowledged_outlives_a_killed_server(desk_url, tmp_path):
    database = opened(desk_url, tmp_path, 600)
    faults, told, _ = killed(database, desk_url, tmp_path, times=3, seed=1)
    assert faults == []
    assert told >= 3
    database.close()


def test_a_lost_or_doubled_decision_would_be_found(tmp_path):
    database = opened(None, tmp_path, 20)
    outcome = crowd.Outcome(known={"no-such-key": (1, "0" * 64)})
    assert "1 acknowledged decisions are not in the log" in crowd.faults(database, outcome)
    database.close()
