from datetime import UTC, datetime

import pyarrow as pa
import pytest

from conf.errors import ContractError, UsageError
from tests.support.importers.importing import balanced, imported, quarantine, reasons, table
from tests.support.importers.public_sets import ENTRY, MARCH, REQUEST, entry, qilin, request, write_parquet


def test_entries_become_impressions_of_the_first_picture(tmp_path):
    outcome = imported("qilin", qilin(tmp_path / "q"), tmp_path / "out")
    assert (outcome.log.read, outcome.log.written, balanced(outcome)) == (49, 49, True)
    assert outcome.days == ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"]
    rows = {row["impression_id"]: row for row in table(tmp_path / "out", "impressions").to_dicts()}
    clicked, not_clicked = rows["train-0-0"], rows["train-0-1"]
    assert (clicked["clicked"], clicked["dwell_ms"], clicked["position"]) == (True, 12_500, 1)
    assert (not_clicked["clicked"], not_clicked["dwell_ms"], not_clicked["position"]) == (False, None, 2)
    assert (clicked["request_id"], clicked["user_id"], clicked["item_id"]) == ("train-0", "0", "1")
    assert clicked["ts"] == datetime(2026, 3, 1, tzinfo=UTC)
    items = {row["item_id"]: row for row in table(tmp_path / "out", "items").to_dicts()}
    assert (items["1"]["title"], items["1"]["category"], items["1"]["tags"]) == ("note 1", "food", ["cake"])
    assert items["3"]["title"] == "the text of it"


def test_every_fault_of_an_entry_has_its_reason(tmp_path):
    faults = [
        entry(1, 1, click=1, page_time=-3.0),
        entry(2, 0),
        entry(3, 3, click=2),
        entry(None, 4),
        entry(5, 5, at=5),
        entry(99, 6),
        entry(6, 7, at=(MARCH + 60) * 1000),
    ]
    root = qilin(tmp_path / "q", [request(1, faults), request(2, []), request(3, None), request(4, [entry(1, 1)])])
    outcome = imported("qilin", root, tmp_path / "out")
    assert balanced(outcome)
    assert reasons(tmp_path / "out", "impressions") == sorted(
        ["negative_dwell", "position_out_of_range", "bad_type", "missing_key", "clock_unbelievable", "unknown_item"]
        + ["missing_key"] * 2
    )
    kept = table(tmp_path / "out", "impressions")
    assert sorted(kept["impression_id"]) == ["test-900-0", "train-1-6", "train-4-0"]
    assert kept.filter(impression_id="train-1-6")["ts"].item() == datetime(2026, 3, 1, 0, 1, tzinfo=UTC)
    (negative,) = (row for row, found in quarantine(tmp_path / "out", "impressions") if found == ["negative_dwell"])
    assert '"page_time":-3.0' in negative


def test_positions_from_zero_are_seen_by_most_pages_beginning_there(tmp_path):
    pages = [request(n, [entry(1, 0), entry(2, 1)]) for n in range(3)]
    imported("qilin", qilin(tmp_path / "q", pages), tmp_path / "out")
    rows = table(tmp_path / "out", "impressions").filter(request_id="train-1")
    assert rows["position"].to_list() == [1, 2]


def test_the_same_request_twice_is_kept_once(tmp_path):
    page = request(1, [entry(1, 1), entry(2, 2)])
    outcome = imported("qilin", qilin(tmp_path / "q", [page, page]), tmp_path / "out")
    assert (outcome.log.accepted, outcome.log.reasons) == (3, {"duplicate_impression": 2})


def test_a_note_without_a_picture_was_not_seen(tmp_path):
    root = qilin(tmp_path / "q")
    (root / "image" / "1" / "1_0.jpg").unlink()
    (root / "image" / "0" / "2_0.jpg").write_bytes(b"")
    outcome = imported("qilin", root, tmp_path / "out")
    assert outcome.covers.reasons == {"no_cover": 1, "unreadable_image": 1}
    assert outcome.log.reasons == {"no_cover": 8 + 8 + 1}
    assert sorted(table(tmp_path / "out", "items")["item_id"]) == ["3", "4", "5", "6"]


def test_another_folder_and_a_damaged_file(tmp_path):
    (tmp_path / "notes").mkdir()
    with pytest.raises(UsageError, match=r"has no recommendation_train/\*.parquet"):
        imported("qilin", tmp_path, tmp_path / "out")
    root = qilin(tmp_path / "q")
    write_parquet(root / "recommendation_train" / "train-00000-of-00001.parquet", [{"request_idx": 1}])
    with pytest.raises(UsageError, match="has no column user_idx, rec_result_details_with_idx"):
        imported("qilin", root, tmp_path / "out")
    text = REQUEST.set(5, pa.field("rec_result_details_with_idx", pa.string()))
    rows = [{"request_idx": 1, "user_idx": 1, "rec_result_details_with_idx": "[]"}]
    write_parquet(root / "recommendation_train" / "train-00000-of-00001.parquet", rows, text)
    with pytest.raises(UsageError, match="is no list of entries"):
        imported("qilin", root, tmp_path / "out")
    entries = [{"request_idx": 1, "user_idx": 1, "rec_result_details_with_idx": [{"note_idx": 1, "click": 1}]}]
    write_parquet(root / "recommendation_train" / "train-00000-of-00001.parquet", entries)
    with pytest.raises(UsageError, match=r"Entries of .* have no position, request_timestamp"):
        imported("qilin", root, tmp_path / "out")
    (root / "recommendation_train" / "train-00000-of-00001.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(ContractError, match="is no readable Parquet file"):
        imported("qilin", root, tmp_path / "out")


def test_a_release_without_dwell_is_read(tmp_path):
    root = qilin(tmp_path / "q")
    fields = [field for field in ENTRY if field.name != "page_time"]
    bare = REQUEST.set(5, pa.field("rec_result_details_with_idx", pa.list_(pa.struct(fields))))
    rows = [request(1, [{key: value for key, value in entry(1, 1).items() if key != "page_time"}])]
    write_parquet(root / "recommendation_train" / "train-00000-of-00001.parquet", rows, bare)
    imported("qilin", root, tmp_path / "out")
    assert table(tmp_path / "out", "impressions").filter(request_id="train-1")["dwell_ms"].to_list() == [None]
