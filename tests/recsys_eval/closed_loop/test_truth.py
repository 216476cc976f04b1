"""True clicks of a played day, against the day's own log and the world's formula."""

from datetime import date

import numpy as np
import pytest

from conf.settings import WorldSettings
from jobs.simulator.log.impressions import Campaign, day_block, played_requests
from jobs.simulator.model import World
from recsys_eval.arm_names import BEST, ORIGINAL
from recsys_eval.closed_loop.truth import PlayedTruth, arm_truths, best_families, played_truth, pooled

DAY = date(2026, 3, 12)
"""Two days after the world's last one: a second night."""


def world_of(share):
    return World(WorldSettings(users=60, impressions=4000, days=8, subjects=60, play_share=share, explore=0.0))


@pytest.fixture(scope="module")
def world():
    return world_of(1.0)


def campaign_of(world, segments=2):
    """For segment 0 every item's cover is the sixth family's, hardly alike; segment 1 has nothing published."""
    table = np.full((world.items.size, segments), -1)
    table[:, 0] = np.arange(world.items.size)
    return Campaign(
        cover_ids=[f"painted {item}" for item in range(world.items.size)],
        style_probs=np.tile(np.eye(6)[5], (world.items.size, 1)),
        similarity=np.full(world.items.size, 0.8),
        table=table,
        segment=np.arange(world.users.size) % segments,
    )


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_method_is_given_the_clicks_of_the_day_that_was_played_with_its_covers(share):
    """From the log's own rows: who, what, where, under which words, and which cover; nothing is explored here."""
    world = world_of(share)
    campaign = campaign_of(world)
    log = day_block(world, DAY, 0, campaign=campaign)
    users = world.user_index(log["user_id"].to_pylist())
    items = world.item_index(log["item_id"].to_pylist())
    painted = np.array([cover.startswith("painted") for cover in log["cover_id"].to_pylist()])
    titles = np.array(world.titles, object).reshape(-1, 3, world.items.size)[world.users.language[users], :, items]
    kinds = played_requests(world, DAY, 0)[1]
    assert titles[np.arange(len(kinds)), kinds].tolist() == log["title"].to_pylist()
    styles = np.eye(6)[np.where(painted, 5, world.items.default[items])]
    chance = world.click_probability(
        users, items, styles, np.where(painted, 0.8, 1.0), kinds, log["position"].to_numpy().astype(np.int64)
    )
    truth = played_truth(world, DAY, {"profile": campaign})
    assert truth.arms == (ORIGINAL, BEST, "profile")
    assert truth.impressions.sum() == log.num_rows
    assert truth.clicks[:, 2].sum() == pytest.approx(chance.sum())
    assert truth.covered.tolist() == pytest.approx([0, 0, painted.mean()])
    assert 0 < painted.mean() < 0.6 * share + 0.1
    assert (truth.clicks[:, 1] >= truth.clicks[:, 0]).all()


def test_the_same_is_asked_for_whatever_is_published(world):
    traffic, _ = played_requests(world, DAY, 0)
    for campaign in (campaign_of(world), campaign_of(world, segments=3)):
        log = day_block(world, DAY, 0, campaign=campaign)
        assert world.user_index(log["user_id"].to_pylist()).tolist() == traffic.user.tolist()
        assert world.item_index(log["item_id"].to_pylist()).tolist() == traffic.item.tolist()
        assert log["position"].to_pylist() == traffic.position.tolist()


def test_nothing_published_is_the_originals(world):
    none = Campaign(
        cover_ids=[],
        style_probs=np.zeros((0, 6)),
        similarity=np.zeros(0),
        table=np.full((world.items.size, 1), -1),
        segment=np.full(world.users.size, -1),
    )
    truth = played_truth(world, DAY, {"profile": none})
    np.testing.assert_array_equal(truth.clicks[:, 2], truth.clicks[:, 0])


def test_the_best_drawing_exists_and_is_the_one_liked_most(world):
    users, items = np.divmod(np.arange(world.users.size * world.items.size), world.items.size)
    best = best_families(world, users, items)
    chances = np.stack(
        [
            np.where(
                world.items.drawn[items, family],
                world.click_probability(users, items, np.tile(np.eye(6)[family], (users.size, 1)), 1.0),
                0,
            )
            for family in range(6)
        ]
    )
    np.testing.assert_array_equal(chances.argmax(axis=0), best)


def truth_of(arms, users, clicks):
    """Ten impressions a user."""
    return PlayedTruth(
        arms=arms, users=np.array(users), impressions=np.full(len(users), 10.0), clicks=np.array(clicks),
        covered=np.arange(len(arms)) / 10,
    )  # fmt: skip


def test_a_method_is_compared_with_its_frozen_twin_on_the_same_resamples():
    """a has 6 clicks where its twin has 4; user by user the ratio is the same, so there is no doubt."""
    arms = (ORIGINAL, BEST, "a", "a-frozen")
    found = arm_truths(truth_of(arms, [1, 2], [[1.0, 5.0, 3.0, 2.0], [1.0, 5.0, 3.0, 2.0]]), resamples=50, seed=1)
    over = found["a"].over_frozen
    assert (over.value, over.low, over.high) == pytest.approx((0.5, 0.5, 0.5))
    assert [found[arm].over_frozen for arm in (ORIGINAL, BEST, "a-frozen")] == [None] * 3


def test_days_are_pooled_user_by_user():
    arms = (ORIGINAL, BEST)
    together = pooled(
        [truth_of(arms, [1, 2], [[1.0, 2.0], [3.0, 4.0]]), truth_of(arms, [2, 5], [[5.0, 6.0], [7.0, 8.0]])]
    )
    assert together.users.tolist() == [1, 2, 5]
    assert together.impressions.tolist() == [10, 20, 10]
    assert together.clicks.tolist() == [[1, 2], [8, 10], [7, 8]]
    assert together.covered == pytest.approx([0, 0.1])
    with pytest.raises(ValueError, match="same arms"):
        pooled([truth_of(arms, [1], [[1.0, 2.0]]), truth_of((ORIGINAL, "a"), [1], [[1.0, 2.0]])])
    with pytest.raises(ValueError, match="0 days"):
        pooled([])


def test_lift_and_gap_closed_by_hand():
    """Two users, ten impressions each: 1 and 3 clicks on originals, 3 and 5 on the best, 2 and 4 on a's covers."""
    clicks = np.array([[1.0, 3.0, 2.0, 1.0], [3.0, 5.0, 4.0, 3.0]])
    truth = truth_of((ORIGINAL, BEST, "a", "b"), [4, 7], clicks)
    found = arm_truths(truth, resamples=200, seed=1)
    assert found[ORIGINAL].ctr.value == pytest.approx(4 / 20)
    assert found["a"].lift.value == pytest.approx(6 / 4 - 1)
    assert found["b"].over_first.value == pytest.approx(4 / 6 - 1)
    gap = found["a"].gap_closed
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.5, 0.5, 0.5))  # users gain alike: no doubt
    assert found["b"].gap_closed.value == pytest.approx(0)
    assert found[ORIGINAL].ctr.low == pytest.approx(0.1)  # drawn twice: the first user alone
    assert (found[ORIGINAL].lift, found[BEST].gap_closed, found["a"].over_first) == (None, None, None)
