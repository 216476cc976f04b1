import polars as pl

from jobs.ingest.importers.spill import Buckets, batches_of, parts_of, path_of, rows_of


def frame(start, stop):
    return pl.DataFrame({"n": range(start, stop), "user": [f"u{n % 7}" for n in range(start, stop)]})


def test_rows_come_back_from_their_bucket_in_order(tmp_path):
    buckets = Buckets(tmp_path / "log", 3, pl.col("n"))
    for start in (0, 10):
        buckets.add(frame(start, start + 10))
    buckets.close()
    found = pl.concat(batches_of(path_of(tmp_path / "log", 1)))
    assert found["n"].to_list() == [1, 4, 7, 10, 13, 16, 19]
    assert rows_of(path_of(tmp_path / "log", 1)) == 7
    assert rows_of(tmp_path / "nothing") == 0


def test_a_large_bucket_is_cut_and_a_user_stays_in_one_part(tmp_path):
    buckets = Buckets(tmp_path / "log", 1, pl.col("n"))
    buckets.add(frame(0, 100))
    buckets.close()
    place = path_of(tmp_path / "log", 0)
    parts = list(parts_of(place, tmp_path / "cut", rows=100, limit=30, column="user"))
    assert len(parts) > 1
    assert sorted(n for part in parts for n in part["n"]) == list(range(100))
    users = [user for part in parts for user in part["user"].unique()]
    assert len(users) == len(set(users)) == 7
    assert not (tmp_path / "cut").exists()
    (whole,) = parts_of(place, tmp_path / "cut", rows=100, limit=100, column="user")
    assert whole["n"].to_list() == list(range(100))


def test_what_an_earlier_try_left_is_gone(tmp_path):
    for rows in (10, 5):
        buckets = Buckets(tmp_path / "log", 2, pl.col("n"))
        buckets.add(frame(0, rows))
        buckets.close()
    assert rows_of(path_of(tmp_path / "log", 0)) == 3
