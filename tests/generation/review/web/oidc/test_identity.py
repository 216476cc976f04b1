"""Whose account a provider's word opens, on both databases."""

import pytest
from sqlalchemy import select

from benchmarks.desk_server import PASSWORD, QUICK
from conf.errors import Refused
from conf.review import ReviewSettings
from generation.review.log import verify
from generation.review.log.schema import accounts, signins
from generation.review.web.accounts import Accounts
from generation.review.web.oidc.identity import PROVIDER, Stranger, connect, enter
from generation.review.web.oidc.provider import Identity
from tests.generation.review.conftest import NOW

ISSUER = "https://id.example"
ROLES = {"editors": "reviewer", "leads": "lead"}


def someone(number, name="", *groups):
    return Identity(subject=f"{ISSUER} {number}", name=name, groups=groups)


def people_of(database, **more):
    return Accounts(database, ReviewSettings(oidc_issuer=ISSUER, **more), QUICK)


def account(database, name):
    with database.reading() as connection:
        return connection.execute(select(accounts).where(accounts.c.name == name)).one()


def test_an_invited_account_is_the_first_ones_of_that_name_and_then_nobody_elses(make_desk):
    people = people_of(make_desk(0))
    people.invite("ann", "reviewer", NOW, by="lea")
    with pytest.raises(Refused, match="do not belong together"):
        people.sign_in("ann", PASSWORD, "10.0.0.1", NOW)
    name, secret = enter(people, someone(7, "ann"), "10.0.0.1", NOW)
    assert (name, people.visitor(secret, "10.0.0.1", NOW).role) == ("ann", "reviewer")
    with pytest.raises(Stranger, match="not connected with you"):
        enter(people, someone(8, "ann"), "10.0.0.1", NOW)
    assert enter(people, someone(7, "another name now"), "10.0.0.1", NOW)[0] == "ann"
    with pytest.raises(Refused, match="had an account"):
        people.invite("ann", "lead", NOW, by="lea")
    with pytest.raises(Refused, match="looks like 'ann'"):
        people.invite("Ann", "lead", NOW, by="lea")
    assert verify.faults(people.database) == []


def test_no_name_at_the_provider_opens_an_account_of_a_password(make_desk):
    people = people_of(make_desk(0))
    people.put("lea", "lead", PASSWORD, NOW)
    people.put("bob", "reviewer", PASSWORD, NOW)
    with pytest.raises(Stranger):
        enter(people, someone(9, "lea"), "10.0.0.1", NOW)
    with pytest.raises(Stranger, match="no account for you"):
        enter(people, someone(9), "10.0.0.1", NOW)
    connect(people, "lea", someone(1), NOW)
    assert enter(people, someone(1, "bob"), "10.0.0.1", NOW)[0] == "lea"
    with pytest.raises(Refused, match="signs in as lea"):
        connect(people, "bob", someone(1), NOW)
    people.disable("lea", NOW, by="bob")
    with pytest.raises(Stranger, match="closed"):
        enter(people, someone(1), "10.0.0.1", NOW)
    assert verify.faults(people.database) == []


def test_a_group_gives_the_role_as_it_is_today_and_nobody_without_one_is_let_in(make_desk):
    people = people_of(make_desk(0), oidc_role_claim="groups", oidc_roles=ROLES)
    assert enter(people, someone(1, "ann", "editors", "staff"), "", NOW)[0] == "ann"
    assert account(people.database, "ann").role == "reviewer"
    enter(people, someone(1, "ann", "editors", "leads"), "", NOW)
    assert account(people.database, "ann").role == "lead"
    for groups in ((), ("staff",)):
        with pytest.raises(Stranger, match="in no group"):
            enter(people, someone(1, "ann", *groups), "", NOW)
    for name in ("Ann", "аnn"):
        with pytest.raises(Refused, match="looks like 'ann'"):
            enter(people, someone(2, name, "editors"), "", NOW)
    with pytest.raises(Refused, match="up to 64 letters"):
        enter(people, someone(2, "a b", "editors"), "", NOW)
    with people.database.reading() as connection:
        query = "SELECT who FROM audit WHERE action = 'account' ORDER BY id"
        assert connection.exec_driver_sql(query).scalars().all() == [PROVIDER, PROVIDER]


def test_wrong_passwords_lock_nobody_out_whom_the_provider_vouches_for(make_desk):
    people = people_of(make_desk(0))
    people.put("ann", "reviewer", PASSWORD, NOW)
    connect(people, "ann", someone(1), NOW)
    for _ in range(6):
        with pytest.raises(Refused):
            people.sign_in("ann", "wrong", "10.0.0.1", NOW)
    assert enter(people, someone(1), "10.0.0.1", NOW)[0] == "ann"
    with people.database.reading() as connection:
        assert connection.execute(select(signins.c.name).where(signins.c.was_right == 1)).scalars().all() == ["ann"]


def test_who_signs_in_by_the_provider_changes_no_password_first(make_desk):
    people = people_of(make_desk(0))
    people.put("ann", "reviewer", PASSWORD, NOW)
    connect(people, "ann", someone(1), NOW)
    people.put("ann", "reviewer", "set by a lead", NOW, by="lea")
    assert not people.visitor(enter(people, someone(1), "", NOW)[1], "", NOW).must_change
    assert people.visitor(people.sign_in("ann", "set by a lead", "", NOW), "", NOW).must_change
