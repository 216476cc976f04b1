import numpy as np
import pytest

from jobs.drift.segments import SegmentTable, movement, own_figures
from tests.jobs.drift.conftest import segments_of, write
from tests.support.worlds.samples import sample

AXES = np.eye(4)


def table(sizes, centroids, without=0.0):
    return SegmentTable(sizes=np.array(sizes, float), centroids=np.array(centroids, float), without_profile=without)


def test_names_mean_nothing_and_order_neither():
    moved = movement(table([60, 30, 10], AXES[:3]), table([12, 58, 30], AXES[[2, 0, 1]], 5))
    assert (moved.centroids, moved.before.tolist(), moved.now.tolist()) == (0.0, [60, 30, 10, 0], [58, 30, 12, 5])


def test_movement_is_the_mean_over_users_of_the_cosine_distance():
    turned = [AXES[0], [0, 0.6, 0.8, 0]]
    moved = movement(table([50, 50], AXES[:2]), table([75, 25], turned))
    assert moved.centroids == pytest.approx(0.25 * (1 - 0.6))


@pytest.mark.parametrize("swapped", [False, True])
def test_a_segment_that_is_split_or_joined_is_no_movement_of_people(swapped):
    near = [0.1, 0.995, 0, 0]
    few, many = table([60, 40], AXES[:2]), table([60, 25, 15], [AXES[0], AXES[1], near])
    moved = movement(many, few) if swapped else movement(few, many)
    assert moved.before.tolist() == moved.now.tolist() == [60, 40, 0]


def test_figures_of_one_night_and_nights_without_profiles():
    assert own_figures(table([30, 50], AXES[:2], 20)) == {
        "segments": 2, "largest_segment_share": 0.5, "without_profile_share": 0.2
    }  # fmt: skip
    nobody = table([], np.zeros((0, 4)), 20)
    assert own_figures(nobody)["without_profile_share"] == 1
    assert own_figures(table([], np.zeros((0, 4)))) == {"segments": 0}
    assert movement(nobody, table([1], AXES[:1])) is None


def test_the_table_is_read_without_those_who_have_no_profile(make_context):
    context = make_context()
    write(context, "segments", segments_of("2026-03-28", (7, 9)))
    write(
        context, "segments", sample("segments", ds="2026-03-28", segment_id="new", size=4, pref_embedding=[0.0] * 128)
    )
    found = SegmentTable.read(context.lake, "2026-03-28")
    assert (sorted(found.sizes), found.centroids.shape, found.without_profile, found.users) == (
        [7, 9],
        (2, 160),
        4,
        20,
    )
