import json

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.maintenance.traces import traces


def test_files_that_hold_the_id_as_a_word_are_named(tmp_path):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "picture").write_bytes(b"reader-17")
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "part.parquet").write_bytes(b"tables are looked at apart")
    (tmp_path / "a.log").write_text("nobody but reader-171 and xreader-17")
    (tmp_path / "b.json").write_text(json.dumps({"users": ["reader-2", "reader-17"]}))
    pq.write_table(pa.table({"who": ["reader-17"], "n": [1]}), tmp_path / "c.parquet")
    pq.write_table(pa.table({"who": ["reader-2"]}), tmp_path / "d.parquet")
    (tmp_path / "half.parquet").write_bytes(b"PAR1")
    assert traces(tmp_path, ["reader-17", "reader-3"]) == ["b.json", "c.parquet"]
