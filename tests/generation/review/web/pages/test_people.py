"""People and the audit log, for leads."""

import json


def test_nobody_disables_themselves(client):
    status, body, _ = client("lea").form("/people", {"what": "disable", "name": "lea"})
    assert (status, b"You cannot disable yourself." in body) == (422, True)
    page = client("lea").get("/people")[1].decode()
    assert all(name in page for name in ("lea", "ann", "vic"))


def test_a_set_up_link_is_refused_where_none_was_made(client):
    status, body, _ = client("vic").get("/setup?token=guess")
    assert (status, b"coverlift review users add" in body) == (403, True)


def test_what_people_did_is_in_the_audit_log_and_in_its_export(client):
    assert client("ann").get("/people")[0] == 403
    assert b"needs lead" in client("lea").get("/audit")[1]
    lines = [json.loads(line) for line in client("lea").get("/audit.jsonl")[1].splitlines()]
    told = {(line["who"], line["action"], line["outcome"]) for line in lines if line["log"] == "audit"}
    assert ("ann", "needs lead", "refused") in told
    assert ("lea", "export the audit log", "done") in told
