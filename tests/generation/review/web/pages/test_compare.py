import re

import pytest

from benchmarks.desk_server import Client
from tests.generation.review.conftest import rows_of


def shown(body):
    return [int(number) for number in re.findall(r'<section class="one"[^>]*data-case="(\d+)"', body.decode())]


def test_an_item_is_all_its_covers_most_traffic_first(desk):
    database, port = desk
    rows = {row.id: row for row in rows_of(database)}
    ann = Client(port, "ann")
    for case in (1, 5):  # four units of an item, and the two of another
        status, body, _ = ann.get(f"/item/{case}")
        mine = [row for row in rows.values() if row.item_id == rows[case].item_id]
        assert status == 200
        assert shown(body) == [row.id for row in sorted(mine, key=lambda row: -row.stake)]
    assert ann.get("/item/999")[0] == 404


@pytest.mark.parametrize(("ids", "status"), [("1,6", 200), ("1,,6", 200), ("", 404), ("999", 404), ("a", 422)])
def test_the_covers_that_were_chosen_are_compared(desk, ids, status):
    ann = Client(desk[1], "ann")
    found = ann.get(f"/compare?ids={ids}")
    assert found[0] == status
    if status == 200:
        assert set(shown(found[1])) == {1, 6}


def test_a_viewer_sees_no_buttons(desk):
    body = Client(desk[1], "vic").get("/item/1")[1]
    assert shown(body)
    assert b"data-approve" not in body
