"""The page that shows a cover in the feed, its click rates, and the rule that spoke."""

import html
import re

import pytest

from benchmarks.desk_server import Client
from tests.generation.review.conftest import rows_of
from tests.generation.review.web.pages.covers.conftest import TITLE


def words(body):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body.decode())).split())


def page(client, case, query=""):
    status, body, _ = client.get(f"/context/{case}{query}")
    assert status == 200
    return body


def test_the_title_is_whole_and_in_its_languages(covers_client):
    body = page(covers_client("vic"), 1)
    assert f'<h1 class="whole">{TITLE}</h1>' in body.decode()
    assert '<dd lang="ja">キツネの顔</dd>' in body.decode()


def test_the_cover_stands_among_its_neighbours_on_every_device(feed_desk, covers_client):
    rows, body = rows_of(feed_desk[0]), page(covers_client("vic"), 1)
    slots = re.findall(r'<li( class="own")?>(.*?)</li>', body.decode(), re.DOTALL)
    assert [bool(own) for own, _ in slots] == [False, True, False]
    assert rows[12].cover_id in slots[0][1]
    assert rows[0].cover_id in slots[1][1]
    assert rows[0].reference_cover_id in slots[1][1]
    assert [each in body for each in (b'id="on-phone"', b'id="on-tablet"', b'id="on-desktop"')] == [True] * 3
    assert "page 1 of 2" in words(body)
    older = page(covers_client("vic"), 1, "?page=2").decode()
    assert len(re.findall(r"<li(?: class=\"own\")?>", older)) == 4


def test_click_rates_with_their_interval_before_and_after(covers_client):
    said = words(page(covers_client("vic"), 1))
    assert "Live since the night of 2026-03-29" in said
    assert "Before, all days 8 2 25.0 % 7.1 – 59.1 % 0" in said
    assert "After 2 1 50.0 % 9.5 – 90.5 % 4 2 50.0 % 15.0 – 85.0 %" in said


def test_what_is_not_there_yet_is_said(covers_client):
    assert "This cover was never live" in words(page(covers_client("vic"), 2))
    assert "The log has no day after that night yet" in words(page(covers_client("vic"), 9))
    assert "was shown this item in the days before the night" in words(page(covers_client("vic"), 21))


def test_a_desk_without_a_log_says_so(desk):
    said = words(page(Client(desk[1], "vic"), 1))
    assert "The lake has no page of the log" in said
    assert "The lake has no log yet." in said


@pytest.mark.parametrize(("path", "status"), [("/context/999", 404), ("/context/x", 422), ("/context/1?page=0", 422)])
def test_pages_that_are_none(covers_client, path, status):
    assert covers_client("vic").get(path)[0] == status


def test_the_rule_that_asked_stands_beside_the_picture(covers_client):
    said = words(page(covers_client("vic"), 1))
    assert "Left to a person by rule rule-ask" in said
    card = words(covers_client("vic").get("/case/1")[1])
    assert "policy asks a person, rule-ask: made up" in card
