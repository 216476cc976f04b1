import json

from benchmarks import made_up_night
from benchmarks.desk_server import Client

DS = made_up_night.DS


def test_what_the_next_publish_changes_is_counted(desk):
    ann = Client(desk[1], "ann")
    before = json.loads(ann.get("/api/feed")[1])
    assert before == {"live": 0, "comes": 0, "goes": 0, "busy": False, "said": ""}
    assert ann.decide(1, "approve", 0)[0] == 200
    assert json.loads(ann.get(f"/api/feed?ds={DS}")[1]) == {**before, "comes": 1}


def test_a_desk_that_does_not_publish_says_how_and_only_leads_may(desk):
    status, body, _ = Client(desk[1], "lea").form("/publish", {"ds": DS})
    assert (status, "coverlift review-sync" in body.decode()) == (422, True)
    assert Client(desk[1], "ann").form("/publish", {"ds": DS})[0] == 403
    assert b'id="feed-publish"' not in Client(desk[1], "lea").get("/queue")[1]
