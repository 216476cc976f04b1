"""Commands that look at tables and at the machine."""

import json
from pathlib import Path

from jobs.ingest.importers.registry import KINDS
from tests.support.importers import public_sets
from tests.support.runs.command import call


def test_inspect_shows_a_table_as_text_and_json(new_lake, tmp_path):
    from tests.support.worlds.samples import sample

    rows = sample("segments", 2, segment_id=["s1", "s2"], ds=["2026-03-01", "2026-03-02"])
    rows = rows.set_column(rows.column_names.index("pref_style"), "pref_style", [[[0.25] * 32] * 2])
    new_lake.replace(rows, "segments", ds=["2026-03-01", "2026-03-02"])
    new_home = Path(new_lake.url).parent
    text = call("inspect", "segments", "--home", new_home)
    assert text.exit_code == 0, text.output
    for part in ("a segment x ds", "version 1", "2 rows", "ds=2026-03-01, ds=2026-03-02", "... 32 values]"):
        assert part in text.output
    found = json.loads(call("inspect", "segments", "--home", new_home, "--json", "--ds", "2026-03-02").output)
    assert (found["count"], found["columns"][2]["name"], found["columns"][2]["type"]) == (1, "size", "int64 not null")
    assert found["rows"][0]["segment_id"] == "s2"
    assert found["rows"][0]["pref_style"] == [0.25] * 32


def test_the_doctor_ends_with_2_when_something_needed_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    done = call("doctor", "--home", tmp_path)
    assert done.exit_code == 2
    assert done.output.count("to mend it: coverlift setup") == 2


def test_a_public_data_set_is_imported_and_its_terms_are_told(tmp_path):
    root = public_sets.microlens(tmp_path / "set")
    told = call("import", "microlens", root, "--out", tmp_path / "out", "--negatives", 1, "--dry-run")
    assert told.exit_code == 0, told.output
    assert not (tmp_path / "out").exists()
    assert "would hold 72 impressions, 8 items, 8 covers; 3 days, 2026-03-01 to 2026-03-03" in told.output
    done = call("import", "microlens", root, "--out", tmp_path / "out", "--negatives", 1)
    for part in ("Licence: none is stated", "arXiv:2309.15379", "log: 36 rows read = 36 accepted + 0 quarantined"):
        assert part in done.output
    assert "holds 72 impressions, 8 items, 8 covers" in done.output
    assert "What it cannot show: No impressions, positions or propensities" in done.output


def test_imports_of_other_folders_and_damaged_files_end_with_2_and_3(tmp_path):
    missing = call("import", "microlens", tmp_path, "--out", tmp_path / "out")
    assert (missing.exit_code, "has no MicroLens-*_pairs.csv" in missing.output) == (2, True)
    unknown = call("import", "pixelrek", tmp_path, "--out", tmp_path / "out")
    assert (unknown.exit_code, "did you mean 'pixelrec'?" in unknown.output) == (2, True)
    idle = call("import", "qilin", tmp_path, "--out", tmp_path / "out", "--at-most", 3)
    assert (idle.exit_code, "--at-most does nothing for qilin" in idle.output) == (2, True)
    root = public_sets.qilin(tmp_path / "set")
    (root / "notes" / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
    damaged = call("import", "qilin", root, "--out", tmp_path / "out")
    assert (damaged.exit_code, "is no readable Parquet file" in damaged.output) == (3, True)


def test_the_help_of_import_names_every_data_set():
    shown = " ".join(call("import", "--help").output.split())
    assert [name for name in KINDS if name not in shown] == []
