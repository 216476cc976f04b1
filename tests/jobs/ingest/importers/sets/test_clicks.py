from datetime import datetime

import polars as pl

from jobs.ingest.importers.reading import Lines
from jobs.ingest.importers.sets.clicks import clicked_events


def test_times_have_the_unit_of_the_set_and_ids_are_of_all_three():
    frame = pl.DataFrame(
        {"u": ["1", " 2 "], "i": ["a", "b"], "timestamp": ["1772323200", "1772323200.0"], "score": [1, 2]}
    )
    found = clicked_events(
        Lines(frame=frame, broken=["1,2"]), user="u", item="i", micros_a_unit=1_000_000, beside=("score",)
    )
    assert found.good["ts"].to_list() == [datetime(2026, 3, 1)] * 2
    assert found.good["event_id"].to_list() == ["1-a-1772323200", "2-b-1772323200"]
    assert found.good["score"].to_list() == [1, 2]
    assert found.good["sample"].all()
    assert found.bad.to_dicts() == [{"row": '{"line":"1,2"}', "reasons": ["malformed_row"]}]


def test_a_time_beyond_all_times_is_of_a_wrong_type():
    frame = pl.DataFrame({"u": ["1"], "i": ["a"], "timestamp": ["9000000000000000"]})
    found = clicked_events(Lines(frame=frame, broken=[]), user="u", item="i", micros_a_unit=1_000_000)
    assert found.bad["reasons"].to_list() == [["bad_type"]]
