from datetime import UTC, date, datetime

import numpy as np
import pyarrow.compute as pc
import pytest

from jobs.simulator.log.impressions import BLOCK_USERS, blocks_of, day_block, draw_wording, logged_covers
from jobs.simulator.parameters import examination


@pytest.fixture(scope="module")
def numbers(world, world_log):
    """The log's rows as numbers of the world."""
    family = {
        (item, cover): number
        for item, row in zip(world.items.item_ids, world.items.cover_ids, strict=True)
        for number, cover in enumerate(row)
    }
    items, covers = world_log["item_id"].to_pylist(), world_log["cover_id"].to_pylist()
    kind = {}
    for place, words in enumerate(world.titles):
        kind.setdefault((world.items.item_ids[place % 1570], words), (place // 1570) % 3)
    return {
        "user": world.user_index(world_log["user_id"].to_pylist()),
        "item": world.item_index(items),
        "family": np.array([family[pair] for pair in zip(items, covers, strict=True)]),
        "wording": np.array([kind[pair] for pair in zip(items, world_log["title"].to_pylist(), strict=True)]),
        "position": world_log["position"].to_numpy().astype(np.int64),
        "clicked": world_log["clicked"].to_numpy(),
        "propensity": world_log["propensity"].to_numpy(),
        "random": world_log["policy"].to_numpy() == "explore-rank",
    }


def test_size_and_click_through_rate(world_log):
    assert abs(world_log.num_rows / 60_000 - 1) < 0.1
    assert 0.03 < pc.mean(world_log["clicked"]).as_py() < 0.08


def test_ids_are_unique_and_times_lie_in_their_day(world_log):
    assert pc.count_distinct(world_log["impression_id"]).as_py() == world_log.num_rows
    first = pc.starts_with(world_log["impression_id"], "20260304-")
    times = world_log.filter(first)["ts"].to_pylist()
    assert min(times) >= datetime(2026, 3, 4, tzinfo=UTC)
    assert max(times) < datetime(2026, 3, 5, tzinfo=UTC)


def test_no_held_out_item_is_in_the_log(world, numbers):
    assert not world.items.held_out[numbers["item"]].any()
    assert len(np.unique(numbers["item"])) > 1300


def test_clicks_have_the_true_probability(world, numbers):
    chance = world.click_probability(
        numbers["user"],
        numbers["item"],
        np.eye(6)[numbers["family"]],
        1.0,
        numbers["wording"],
        numbers["position"],
    )
    clicked = numbers["clicked"]
    spread = np.sqrt((chance * (1 - chance)).sum())
    assert abs(clicked.sum() - chance.sum()) < 4 * spread
    for part in np.array_split(np.argsort(chance), 8):  # calibrated in every eighth
        error = clicked[part].sum() - chance[part].sum()
        assert abs(error) < 4 * np.sqrt((chance[part] * (1 - chance[part])).sum())


def test_propensities_are_the_frequencies(world, numbers):
    original = numbers["family"] == world.items.default[numbers["item"]]
    count = world.items.covers[numbers["item"]].sum(axis=1)
    plain = numbers["wording"] == 0
    cover = np.where(original, 0.8, 0.2 / (count - 1))
    expected = cover * np.where(plain, 0.7, 0.15)
    # A descriptive title without tags reads like the plain one.
    same = np.isclose(numbers["propensity"], expected)
    assert same.mean() > 0.99
    assert abs(original.mean() - 0.8) < 0.01
    assert abs(plain.mean() - 0.7) < 0.01
    explored = ~original & (count == 6)
    others = np.bincount((numbers["family"] - world.items.default[numbers["item"]])[explored] % 6, minlength=6)[1:]
    np.testing.assert_allclose(others / others.sum(), 0.2, atol=0.02)
    # The inverse propensities of the kinds of showing sum to the number of impressions.
    weights = (plain & original) / numbers["propensity"]
    assert abs(weights.mean() - 1) < 0.02


def test_random_order_shows_the_position_bias(world, numbers):
    rows = numbers["random"]
    assert abs(rows.mean() - 0.2) < 0.02
    seen = np.bincount(numbers["position"][rows], numbers["clicked"][rows])[1:]
    shown = np.bincount(numbers["position"][rows])[1:]
    ctr = seen / shown
    model = examination(np.arange(1, 11), world.parameters)
    scale = ctr.sum() / model.sum()
    spread = np.sqrt(scale * model / shown)
    assert (np.abs(ctr - scale * model) < 4 * spread).all()


def test_dwell_time_only_after_clicks(world_log):
    dwell = world_log["dwell_ms"]
    assert dwell.null_count == world_log.num_rows - pc.sum(world_log["clicked"]).as_py()
    assert 4_000 < pc.quantile(dwell, 0.5)[0].as_py() < 20_000


def test_a_block_is_the_same_again_and_days_differ(world, world_log):
    again = day_block(world, date(2026, 3, 2), 0)
    assert again.equals(world_log.slice(0, again.num_rows).combine_chunks().cast(again.schema))
    assert not day_block(world, date(2026, 3, 3), 0)["user_id"].equals(again["user_id"])


def test_blocks_cover_all_users(world):
    assert [block.size for block in blocks_of(world)] == [600]
    assert BLOCK_USERS == 10_000


def test_an_item_with_one_cover_is_always_shown_with_it(world):
    items = np.flatnonzero(world.items.held_out)
    shown = logged_covers(world, items, np.random.default_rng(0))
    np.testing.assert_array_equal(shown.propensity, 1.0)
    np.testing.assert_array_equal(shown.cover, items * 6 + world.items.default[items])


def test_wording_chances(world):
    kind, chance = draw_wording(world, 20_000, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(kind) / 20_000, [0.7, 0.15, 0.15], atol=0.01)
    np.testing.assert_allclose(chance, np.array([0.7, 0.15, 0.15])[kind])
