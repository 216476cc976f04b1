from datetime import date

from jobs.lake.context import StageResult


def test_the_cut_lies_test_days_before_ds(make_context):
    assert make_context(ds="2026-03-29", reward={"test_days": 7}).cut == date(2026, 3, 22)


def test_places_are_under_the_home_unless_the_settings_say_where(make_context, tmp_path):
    own = make_context()
    assert own.input_url == str(tmp_path / "input")
    assert own.lake.url == str(tmp_path / "lake")
    chosen = make_context(ingest={"input": "/data/in"}, lake={"tables_url": "/data/tables"})
    assert (chosen.input_url, chosen.lake.url) == ("/data/in", "/data/tables")


def test_results_do_not_share_their_rows():
    one, other = StageResult(), StageResult()
    one.rows["items"] = 3
    assert other.rows == {}
