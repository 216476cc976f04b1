import random

import pytest

from benchmarks import made_up_night
from conf.errors import Refused, Unknown
from generation.review.web import blind
from tests.generation.review.conftest import NOW, rows_of

DS = made_up_night.DS


def judge(database, choose, me="ann", contest="original:icg", chance=None):
    """Answer every pair; returns the pairs."""
    shown, chance = [], chance or random.Random(3)
    while pair := blind.next_pair(database, ds=DS, contest=contest, me=me, chance=chance):
        blind.vote(database, token=pair.token, choice=choose(pair), me=me, now=NOW)
        shown.append(pair)
    return shown


def test_who_always_prefers_the_generated_cover_is_counted_so(make_desk):
    database = make_desk(30)
    painted = {row.cover_id for row in rows_of(database)}
    shown = judge(database, lambda pair: "left" if pair.left in painted else "right")
    assert len(shown) == 10
    assert {pair.left in painted for pair in shown} == {True, False}
    with database.reading() as connection:
        answers = blind.answers(connection, DS)["original:icg"]
    assert {answer.choice for answer in answers} == {"second"}


def test_the_page_learns_nothing_but_pictures_and_a_title(make_desk):
    database = make_desk(9)
    pair = blind.next_pair(database, ds=DS, contest="original:icg", me="ann", chance=random.Random(1))
    assert set(vars(pair)) == {"token", "title", "left", "right"}
    again = blind.next_pair(database, ds=DS, contest="original:icg", me="ann", chance=random.Random(2))
    assert again == pair
    with pytest.raises(Unknown):
        blind.vote(database, token=pair.token, choice="left", me="bob", now=NOW)
    with pytest.raises(Refused, match="one of left, right, tie"):
        blind.vote(database, token=pair.token, choice="first", me="ann", now=NOW)
    blind.vote(database, token=pair.token, choice="tie", me="ann", now=NOW)
    with pytest.raises(Refused, match="answered before"):
        blind.vote(database, token=pair.token, choice="left", me="ann", now=NOW)
