import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from jobs.features.segmentation.clusters import Clusters, choose, merge_small, root_mean_square, scaled


def groups(centres, size, noise, seed=0):
    random = np.random.default_rng(seed)
    return np.concatenate([centre + noise * random.normal(size=(size, centres.shape[1])) for centre in centres])


def test_groups_are_found_and_more_clusters_than_groups_are_less_stable():
    style = groups(np.eye(6), 60, 0.08)
    embedding = np.random.default_rng(1).normal(size=(360, 12))
    choice = choose(embedding, style, (2, 4, 6), 20, seed=7)
    assert len(choice.clusters.centres) == 6
    assert choice.stability[6] > 0.95
    labels, _ = choice.clusters.nearest(choice.clusters.points(embedding, style))
    assert adjusted_rand_score(np.repeat(np.arange(6), 60), labels) > 0.98
    assert choose(embedding, style, (9,), 20, seed=7).stability[9] < 0.9


def test_where_nothing_is_stable_the_most_stable_is_taken():
    noise = np.random.default_rng(3).normal(size=(300, 10))
    choice = choose(np.zeros((300, 2)), noise, (5, 12), 1, seed=7)
    assert max(choice.stability.values()) < 0.6
    assert len(choice.clusters.centres) == max(choice.stability, key=choice.stability.get)


def test_the_floor_keeps_the_number_down():
    style = groups(np.eye(6), 60, 0.08)
    choice = choose(np.zeros((360, 3)), style, (3, 6), 61, seed=7)
    assert list(choice.stability) == [3]


def test_too_few_users_are_one_cluster():
    choice = choose(np.ones((3, 2)), groups(np.eye(3), 1, 0.1), (4, 6), 50, seed=7)
    assert len(choice.clusters.centres) == 1


def test_the_same_seed_gives_the_same_centres():
    style, embedding = groups(np.eye(4), 40, 0.3), np.random.default_rng(2).normal(size=(160, 5))
    first, second = (choose(embedding, style, (3, 4), 10, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.clusters.centres, second.clusters.centres)
    assert first.stability == second.stability


def test_style_counts_four_times_the_subject():
    found = scaled(np.array([[0.0, 3.0]]), np.array([[0.2]]), 3.0, 0.2)
    np.testing.assert_allclose(found, [[1.0, 0.0, 0.25]])
    assert root_mean_square(np.zeros((3, 2))) == 1.0


def line(*centres):
    return Clusters(style_scale=1, embedding_scale=1, centres=np.array(centres, dtype=float)[:, None])


def test_distance_is_euclidean():
    clusters = Clusters(style_scale=1, embedding_scale=1, centres=np.array([[0.0, 0], [10, 0]]))
    nearest, distance = clusters.nearest(np.array([[3.0, 4.0], [10.0, 1.0]]))
    assert nearest.tolist() == [0, 1]
    np.testing.assert_allclose(distance, [5.0, 1.0])


def test_small_clusters_merge_one_after_the_other():
    # 5 joins 20 (-> 25 at 9.2), which joins 30 (-> 55); the order afterwards is by size.
    left, sizes, went = merge_small(line(0, 6, 9, 10), np.array([100, 30, 20, 5]), 50)
    assert sizes.tolist() == [100, 55]
    np.testing.assert_allclose(left.centres, [[0], [(30 * 6 + 20 * 9 + 5 * 10) / 55]])
    assert went.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("sizes", [[30], [10, 20, 10]])
def test_fewer_users_than_the_floor_have_no_cluster(sizes):
    left, found, went = merge_small(line(*range(len(sizes))), np.array(sizes), 50)
    assert len(left.centres) == len(found) == 0
    assert went.tolist() == [-1] * len(sizes)


def test_an_empty_cluster_goes_away():
    _, sizes, went = merge_small(line(0, 1, 2), np.array([60, 0, 50]), 50)
    assert sizes.tolist() == [60, 50]
    assert went.tolist() == [0, 0, 1]
