from datetime import timedelta

import pytest

from benchmarks.desk_server import PASSWORD, QUICK
from conf.errors import Refused
from conf.review import ReviewSettings
from generation.review.web.accounts import Accounts, TooMany
from tests.generation.review.conftest import NOW


@pytest.fixture
def people(make_desk):
    found = Accounts(make_desk(0), ReviewSettings(session_hours=12, idle_minutes=60), QUICK)
    assert not found.any()
    found.put("ann", "reviewer", PASSWORD, NOW)
    return found


def test_a_session_ends_by_age_by_idleness_and_by_signing_out(people):
    secret = people.sign_in("ann", PASSWORD, "::1", NOW)
    visitor = people.visitor(secret, "::1", NOW)
    assert (visitor.name, visitor.role) == ("ann", "reviewer")
    assert visitor.may("viewer")
    assert not visitor.may("lead")
    assert people.visitor(secret, "::1", NOW + timedelta(minutes=61)) is None
    for step in range(1, 24):
        alive = people.visitor(secret, "::1", NOW + timedelta(minutes=30 * step))
        assert alive is not None
    assert people.visitor(secret, "::1", NOW + timedelta(hours=12, minutes=1)) is None
    other = people.sign_in("ann", PASSWORD, "::1", NOW)
    people.close_session(other)
    assert people.visitor(other, "::1", NOW) is None
    assert people.visitor("guess", "::1", NOW) is None


def test_a_new_password_or_a_disabled_account_ends_its_sessions(people):
    secret = people.sign_in("ann", PASSWORD, "::1", NOW)
    people.put("ann", "lead", "another password", NOW)
    assert people.visitor(secret, "::1", NOW) is None
    secret = people.sign_in("ann", "another password", "::1", NOW)
    people.disable("ann", NOW, by="lea")
    assert people.visitor(secret, "::1", NOW) is None
    with pytest.raises(Refused, match="do not belong"):
        people.sign_in("ann", "another password", "::1", NOW)


def test_guessing_is_stopped_by_name_and_by_address(people):
    for _ in range(5):
        with pytest.raises(Refused, match="do not belong"):
            people.sign_in("ann", "wrong", "10.0.0.1", NOW)
    with pytest.raises(TooMany, match="wait 15 minutes"):
        people.sign_in("ann", PASSWORD, "10.0.0.2", NOW)
    assert people.sign_in("ann", PASSWORD, "10.0.0.2", NOW + timedelta(minutes=16))
    for guess in range(20):
        with pytest.raises(Refused):
            people.sign_in(f"name{guess}", "wrong", "10.0.0.3", NOW)
    with pytest.raises(TooMany):
        people.sign_in("somebody", "wrong", "10.0.0.3", NOW)


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [("", "lead", PASSWORD), ("a b", "lead", PASSWORD), ("<b>", "lead", PASSWORD), ("x" * 65, "lead", PASSWORD),
     ("bob", "king", PASSWORD), ("bob", "lead", "short")],
)  # fmt: skip
def test_accounts_that_will_not_do(people, name, role, password):
    with pytest.raises(Refused):
        people.put(name, role, password, NOW)


def test_nothing_that_signs_in_is_stored(people):
    secret = people.sign_in("ann", PASSWORD, "::1", NOW)
    with people.database.reading() as connection:
        kept = str([connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in ("accounts", "sessions")])
    assert secret not in kept
    assert PASSWORD not in kept
    assert "$argon2id$" in kept
