import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from jobs.features.log import Catalogue
from jobs.features.segmentation.prototypes import (
    Shown,
    merged,
    prototypes,
    prototypes_of,
    spherical,
    two_parts,
    unit,
)


def shown(vectors, user, examination=None):
    rows = len(vectors)
    examined = np.ones(rows) if examination is None else np.array(examination, float)
    return Shown(
        vectors=np.array(vectors, float), user=np.array(user), age_hours=np.arange(rows) * 2.0, examination=examined
    )


def around(direction, count, seed):
    return unit(np.eye(6)[direction] + 0.05 * np.random.default_rng(seed).normal(size=(count, 6)))


def test_two_kinds_of_covers_are_two_prototypes_weighted_by_what_was_looked_at():
    events = shown(np.concatenate([around(0, 20, 1), around(3, 10, 2)]), list(range(30)), [1.0] * 20 + [0.5] * 10)
    found = prototypes(events, 2, seed=7)
    assert [int(each.vector.argmax()) for each in found] == [0, 3]
    assert [each.weight for each in found] == pytest.approx([20 / 25, 5 / 25])
    assert [each.users for each in found] == [20, 10]
    assert found[0].examination == 1.0
    assert found[1].age_hours == pytest.approx(np.mean(np.arange(20, 30) * 2.0))


def test_a_prototype_of_four_users_is_merged_into_its_nearest():
    """Four users of direction 1, which lies nearer to 0 than to 3; five of each of the others."""
    near = unit(np.eye(6)[0] * 0.6 + np.eye(6)[1] * 0.8)
    vectors = np.concatenate([around(0, 5, 1), around(3, 5, 2), np.tile(near, (4, 1))])
    found = prototypes(shown(vectors, list(range(14))), 3, seed=7)
    assert sorted(each.users for each in found) == [5, 9]
    assert sum(each.weight for each in found) == pytest.approx(1)
    assert max(found, key=lambda each: each.users).vector[1] > 0.2


def test_many_events_of_one_user_are_one_user():
    events = shown(np.concatenate([around(0, 40, 1), around(3, 5, 2)]), [0] * 40 + [1, 2, 3, 4, 5])
    found = prototypes(events, 2, seed=7)
    assert [each.users for each in found] == [6]


def test_fewer_than_five_users_have_no_prototype_at_all():
    assert prototypes(shown(around(0, 40, 1), [0, 1, 2, 3] * 10), 3, seed=7) == []
    assert prototypes(shown(np.zeros((0, 6)), []), 3, seed=7) == []
    assert merged(np.eye(2), np.array([0, 1]), np.ones(2), np.array([1, 2]), 5).tolist() == [-1, -1]


def test_equal_covers_make_one_prototype_however_many_are_asked_for():
    found = prototypes(shown(np.tile(np.eye(6)[2], (8, 1)), range(8)), 32, seed=7)
    assert len(found) == 1
    np.testing.assert_allclose(found[0].vector, np.eye(6)[2])


def test_clusters_go_by_direction_not_by_length():
    """Along one direction, and against it; k-means by distance would put the short ones together."""
    points = unit(np.array([[1.0, 0.1], [0.9, 0.0], [-1.0, 0.1], [-0.8, 0.0]]))
    cluster = spherical(points, np.ones(4), 2, seed=0)
    assert cluster[0] == cluster[1] != cluster[2] == cluster[3]


def test_both_parts_of_a_vector_have_the_length_of_a_covers():
    one = prototypes(shown(np.tile([3.0, 4.0, 0.0, 0.5, 0.0, 0.0], (6, 1)), range(6)), 1, seed=0)[0]
    np.testing.assert_allclose(two_parts(one, 3).vector, [0.6, 0.8, 0, 1, 0, 0])


def test_segments_and_kinds_that_come_in_one_batch_stay_apart():
    """Six users a segment; covers a and b of two items; each segment clicks one and skips the other."""
    catalogue = Catalogue(
        covers=pd.Index(["a", "b"]), embeddings=np.eye(4, dtype=np.float32)[:2], styles=np.eye(2, dtype=np.float32),
        items=pd.Index([]), item_category=np.zeros(0, np.int64), categories=(),
    )  # fmt: skip
    rows = [
        {
            "key": f"{segment}/{clicked}", "segment_id": segment, "user_id": f"{segment}u{user}",
            "cover_id": "a" if (segment == "s0") == clicked else "b", "ts": 0, "position": 1, "clicked": clicked,
        }
        for segment in ("s0", "s1")
        for clicked in (True, False)
        for user in range(6)
    ]  # fmt: skip
    batches = pa.Table.from_pylist(rows).to_batches()
    task = prototypes_of(0, np.ones(1), lambda: catalogue, 7)
    found = [row for batch in task(batches) for row in batch.to_pylist()]
    assert [(row["segment_id"], row["clicked"], row["users"], int(np.argmax(row["vector"][:4]))) for row in found] == [
        ("s0", True, 6, 0), ("s0", False, 6, 1), ("s1", True, 6, 1), ("s1", False, 6, 0),
    ]  # fmt: skip
