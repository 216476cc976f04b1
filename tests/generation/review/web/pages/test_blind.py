"""Blind pairs as the page asks for them and answers."""

import json

CONTEST = "/api/ab?contest=original:icg"


def test_a_pair_is_answered_once_and_counted(client):
    ann = client("ann")
    pair = json.loads(ann.get(CONTEST)[1])["pair"]
    assert set(pair) == {"token", "title", "left", "right"}
    assert ann.post("/api/ab", {"token": pair["token"], "choice": "sideways"})[0] == 422
    status, answer = ann.post("/api/ab", {"token": pair["token"], "choice": "left"})
    assert (status, answer["entry"] > 0) == (200, True)
    assert ann.post("/api/ab", {"token": pair["token"], "choice": "right"})[0] == 422
    status, body, _ = client("lea").get("/results")
    assert status == 200
    assert b"icg over original" in body


def test_nobody_answers_for_others(client):
    pair = json.loads(client("ann").get(CONTEST)[1])["pair"]
    assert client("lea").post("/api/ab", {"token": pair["token"], "choice": "left"})[0] == 404


def test_a_contest_that_is_not_offered_has_no_pair(client):
    assert json.loads(client("ann").get("/api/ab?contest=original:nobody")[1]) == {"pair": None}
