import hashlib
import json
from datetime import date

from conf.load import load_settings
from jobs import doctor
from jobs.doctor import Finding, examine, healthy, listed_in_manifest
from jobs.ingest.forgotten import Forgotten, add_forgotten, user_hash
from reward_model.registry import write_champion


def test_weights_must_stand_in_their_manifest(tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    assert not listed_in_manifest(weights)
    digest = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / "manifest.json").write_text(json.dumps({"files": [{"name": "model", "sha256": digest}]}))
    assert listed_in_manifest(weights)
    weights.write_bytes(b"changed")
    assert not listed_in_manifest(weights)


def test_only_what_is_needed_makes_it_unhealthy():
    fine = Finding(what="Java", ok=True, found="17")
    absent = Finding(what="GPU", ok=False, found="none", needed=False)
    assert healthy([fine, absent])
    assert not healthy([fine, Finding(what="Delta Lake", ok=False, found="no jar")])


def test_this_machine_has_java_delta_and_triton(tmp_path):
    found = {finding.what: finding for finding in examine(load_settings(), tmp_path)}
    assert found["Java"].ok
    assert found["Delta Lake"].ok
    assert found["Triton server"].ok
    assert found["Python packages"].ok
    assert "GiB free" in found["Disk"].found


def test_users_who_were_taken_out_are_told_until_a_newer_champion_leads(tmp_path):
    def told():
        return [finding for finding in examine(load_settings(), tmp_path) if finding.what == "Forgotten users"]

    assert told() == []
    add_forgotten(tmp_path, [Forgotten(sha256=user_hash("u1"), at="2026-04-01", models=["v1"], nights=[])])
    write_champion(tmp_path, date(2026, 3, 31), {"version": "v1"})
    (old,) = told()
    assert (old.ok, old.needed, "champion v1 was there before 1 of 1" in old.found) == (False, False, True)
    write_champion(tmp_path, date(2026, 4, 1), {"version": "v2"})
    (newer,) = told()
    assert newer.ok


def test_what_is_missing_says_how_to_mend_it(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_output", lambda command: "")
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path / "nothing"))
    remote = load_settings(overrides=["generation.backend=triton"])
    found = {finding.what: finding for finding in examine(remote, tmp_path)}
    assert "openjdk-17-jre-headless" in found["Java"].mend
    assert found["Delta Lake"].mend == "coverlift setup"
    assert not found["Triton servers"].ok
    assert not healthy(list(found.values()))
    cluster = load_settings(profile="cluster")
    assert next(doctor._delta(cluster)).ok


def test_a_feed_of_ones_own_that_is_not_loaded_yet_needs_another_generator(tmp_path):
    def generator(*overrides):
        return next(doctor._generator(load_settings(overrides=overrides), tmp_path))

    assert generator().ok
    refused = generator("ingest.source=files")
    assert (refused.ok, refused.needed) == (False, True)
    assert "profile would paint stickers" in refused.found
    assert "generation.allow_sticker_generator=true" in refused.mend
    assert generator("ingest.source=files", "generation.allow_sticker_generator=true").ok
    assert generator("ingest.source=files", "generation.checkpoint=/models/own").ok
