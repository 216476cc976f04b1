import numpy as np

from jobs.features.estimators.beta import Moments
from jobs.features.estimators.moments import SCHEMA, MomentSums, total


def rows_of(sums):
    return [row for batch in sums.batches() for row in batch.to_pylist()]


def test_tasks_add_up_to_what_one_task_would_have_counted():
    clicks, trials = np.array([[1], [0], [2]]), np.array([[4], [3], [5]])
    whole, first, second = MomentSums(), MomentSums(), MomentSums()
    whole.add("7", np.array([10]), clicks, trials)
    first.add("7", np.array([10]), clicks[:1], trials[:1])
    second.add("7", np.array([10]), clicks[1:], trials[1:])
    assert total(rows_of(first) + rows_of(second)) == total(rows_of(whole))
    assert total(rows_of(whole)) == {(10, "7"): Moments.of(clicks[:, 0], trials[:, 0])}


def test_days_and_labels_are_kept_apart():
    sums = MomentSums()
    sums.add("1", np.array([10, 11]), np.array([[1, 0]]), np.array([[2, 3]]))
    sums.add("7", np.array([10]), np.array([[1]]), np.array([[2]]))
    assert [(row["day"], row["label"], row["trials"]) for row in rows_of(sums)] == [
        (10, "1", 2.0),
        (10, "7", 2.0),
        (11, "1", 3.0),
    ]


def test_nothing_counted_is_no_row_of_the_same_schema():
    (batch,) = MomentSums().batches()
    assert batch.num_rows == 0
    assert batch.schema == SCHEMA
