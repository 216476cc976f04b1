from datetime import timedelta

import pytest
from sqlalchemy import func, select

from generation.review.log.schema import provider_visits
from generation.review.web.oidc.provider import NotProven, Visit
from generation.review.web.oidc.visits import MINUTES, back, keep
from tests.generation.review.conftest import NOW

VISIT = Visit(state="state", nonce="nonce", verifier="verifier")


def test_a_browser_comes_back_once_and_in_time(make_desk):
    database = make_desk(0)
    keep(database, VISIT, "cookie", NOW, links="ann")
    for state, browser in (("state", "another"), ("another", "cookie"), ("state", "")):
        with pytest.raises(NotProven):
            back(database, state, browser, NOW)
    assert back(database, "state", "cookie", NOW) == (VISIT, "ann")
    with pytest.raises(NotProven):
        back(database, "state", "cookie", NOW)


def test_who_never_comes_back_is_forgotten(make_desk):
    database, late = make_desk(0), NOW + timedelta(minutes=MINUTES + 1)
    keep(database, VISIT, "cookie", NOW)
    with pytest.raises(NotProven):
        back(database, "state", "cookie", late)
    keep(database, Visit(state="next", nonce="", verifier=""), "cookie", late)
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(provider_visits)).scalar_one() == 1
