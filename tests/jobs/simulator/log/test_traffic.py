from datetime import date

import numpy as np

from jobs.simulator.log.traffic import DAY_SECONDS, draw_traffic


def traffic_of(world, **changes):
    users = np.arange(world.users.size)
    return draw_traffic(world, users, date(2026, 3, 3), seed=(77,), **changes)


def test_pages_have_no_item_twice_and_positions_count_up(world):
    traffic = traffic_of(world)
    page = np.char.add(traffic.user.astype(str), np.char.add("-", traffic.request.astype(str)))
    for name in np.unique(page)[:200]:
        rows = page == name
        assert traffic.position[rows].tolist() == list(range(1, 11))
        assert len(set(traffic.item[rows])) == 10
        assert len(set(traffic.random_order[rows])) == 1


def test_requests_of_a_user_follow_time_within_the_day(world):
    traffic = traffic_of(world, rate=5.0)
    assert traffic.microsecond.min() >= 0
    assert traffic.microsecond.max() < DAY_SECONDS * 1_000_000
    first = traffic.position == 1
    order = np.lexsort((traffic.request[first], traffic.user[first]))
    user, moment = traffic.user[first][order], traffic.microsecond[first][order]
    assert (np.diff(moment)[np.diff(user) == 0] >= 0).all()


def test_rate_and_activity(world):
    # 60,000 impressions over 8 days, Tuesday's factor 7 / 7.5.
    many = traffic_of(world, rate=20.0)
    assert abs(len(many.user) / (20 * 7500 * 7 / 7.5) - 1) < 0.05
    seen = np.bincount(many.user, minlength=600)
    assert np.corrcoef(seen, world.users.activity)[0, 1] > 0.95


def test_new_items_only_when_launched(world):
    assert not world.items.held_out[traffic_of(world).item].any()
    share = world.items.held_out[traffic_of(world, new_share=0.37, rate=5.0).item].mean()
    assert 0.33 < share < 0.40


def test_ranked_pages_put_tastes_first_and_random_ones_do_not(world):
    traffic = traffic_of(world, rate=10.0)
    taste = world.subject_taste(traffic.user, traffic.item)
    for random, low, high in ((False, -0.3, -0.06), (True, -0.03, 0.03)):
        rows = traffic.random_order == random
        assert low < np.corrcoef(taste[rows], traffic.position[rows])[0, 1] < high
    assert abs(traffic.random_order.mean() - 0.2) < 0.02
