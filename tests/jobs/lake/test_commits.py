"""Writers that are killed and writers that race."""

import threading

import pytest

from conf.errors import TryAgainError
from tests.support.worlds.samples import DAY, sample


def test_a_writer_killed_before_its_commit_leaves_the_old_rows(new_lake):
    new_lake.replace(sample("user_segments", user_id="ann"), "user_segments", ds=DAY)
    session = new_lake.spark

    def dies_on_the_second_batch(batches):
        for index, batch in enumerate(batches):
            yield batch
            if index == 0:
                raise RuntimeError("worker died")

    many = session.range(21_000).selectExpr(
        f"'{DAY}' AS ds", "CAST(id AS STRING) AS user_id", "'s' AS segment_id", "0.5D AS distance"
    )
    half = many.mapInArrow(dies_on_the_second_batch, many.schema)
    with pytest.raises(Exception, match="worker died"):
        new_lake.replace(half, "user_segments", ds=DAY)
    assert new_lake.read("user_segments", ds=DAY)["user_id"].to_pylist() == ["ann"]
    assert new_lake.frame("user_segments").count() == 1


def test_of_writers_that_race_for_a_key_one_wins(new_lake):
    new_lake.merge(sample("items", item_id="a"), "items")
    gate, outcomes = threading.Barrier(3), []

    def write(name):
        rows = sample("items", item_id="new", title=name)
        gate.wait()
        try:
            outcomes.append(new_lake.merge(rows, "items"))
        except TryAgainError:
            outcomes.append(0)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [0, 0, 1]
    assert new_lake.read("items", filters=[("item_id", "==", "new")]).num_rows == 1
