import polars as pl
import pytest

from jobs.ingest import contract
from jobs.ingest.importers import rows
from jobs.ingest.importers.rows import EVENTS, Merged, Tally, judged, malformed, text, with_defaults


def test_a_row_is_good_or_has_all_its_reasons():
    frame = pl.DataFrame({"raw": ["1", "2", None], "n": [1, 2, None]})
    rules = [("small", pl.col("n") < 2), ("one", pl.col("n") == 1), ("none", pl.col("raw").is_null())]
    found = judged(frame, rules, ["n"], ["raw"])
    assert found.good["n"].to_list() == [2]
    assert found.bad.rows() == [('{"raw":"1"}', ["small", "one"]), ('{"raw":null}', ["none"])]
    assert found.read == 3


def test_the_same_reason_of_two_rules_is_told_once():
    found = judged(pl.DataFrame({"n": [1]}), [("a", pl.lit(True)), ("a", pl.lit(True))], ["n"], ["n"])
    assert found.bad["reasons"].to_list() == [["a"]]


def test_tallies_add_up_over_batches_and_steps():
    log, days = Tally(), Tally()
    log.count(5, malformed(["x", "y"]))
    days.count(4, pl.DataFrame({"row": ["r"], "reasons": [["a", "malformed_row"]]}))
    days.written = 40
    both = log.then(days)
    assert (both.read, both.accepted, both.quarantined, both.written) == (7, 4, 3, 40)
    assert both.reasons == {"malformed_row": 3, "a": 1}
    assert log.reasons == {"malformed_row": 2}


def test_few_rows_are_merged_out_of_many_batches(monkeypatch):
    monkeypatch.setattr(rows, "HELD", 3)
    merged = Merged({"k": pl.Int64(), "n": pl.Int64()}, lambda all_of: all_of.group_by("k").agg(pl.col("n").min()))
    most = 0
    for n in range(20, 0, -1):
        merged.add(pl.DataFrame({"k": [n % 2], "n": [n]}))
        most = max(most, sum(part.height for part in merged.held))
    assert merged.rows().sort("k").rows() == [(0, 2), (1, 1)]
    assert most <= 6


def test_events_have_all_columns_in_order():
    frame = with_defaults(pl.DataFrame({"event_id": ["x"], "position": [3]}))
    assert frame.columns == list(EVENTS)
    assert frame.schema["position"] == pl.Int32


def test_space_is_no_text():
    assert pl.DataFrame({"a": [" x ", "  ", "", None]}).select(text("a"))["a"].to_list() == ["x", None, None, None]


@pytest.mark.parametrize(
    "name", ["NO_COVER", "PADDING", "CLOCK_UNBELIEVABLE", "CLICKS_ABOVE_VIEWS", "RATING_OUT_OF_RANGE"]
)
def test_every_reason_of_an_importer_is_explained_beside_the_contracts(name):
    assert getattr(rows, name) in rows.REASONS
    assert set(contract.REASONS) < set(rows.REASONS)
