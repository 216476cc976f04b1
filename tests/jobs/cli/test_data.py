"""Commands that look at tables and at the machine."""

import json
from pathlib import Path

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
