"""A day with published covers."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow.compute as pc
import pytest

from jobs.simulator.log.campaign import build_campaign, build_titles
from jobs.simulator.log.impressions import day_block


class TestNextDay:
    """Treated users see published covers, nothing else changes for anybody."""

    day = date(2026, 3, 10)

    @pytest.fixture(scope="class")
    def campaign(self, world):
        import pyarrow as pa

        new = np.flatnonzero(world.items.held_out)[:150]
        published = pa.table(
            {
                "item_id": [world.items.item_ids[item] for item in new],
                "segment_id": ["s0"] * 150,
                "cover_id": [f"{number:064x}" for number in range(150)],
            }
        )
        segments = pa.table(
            {"user_id": world.user_ids[:590], "segment_id": [f"s{number % 2}" for number in range(590)]}
        )

        def looks(cover_ids, item_ids):
            assert list(zip(cover_ids, item_ids, strict=True)) == list(
                zip(published["cover_id"].to_pylist(), published["item_id"].to_pylist(), strict=True)
            )
            return np.full((len(cover_ids), 6), 1 / 6), np.full(len(cover_ids), 0.9)

        return build_campaign(world, published, segments, looks)

    @pytest.fixture(scope="class")
    def log(self, world, campaign):
        return day_block(world, self.day, 0, campaign=campaign)

    def test_who_sees_what(self, world, campaign, log):
        user, item = world.user_index(log["user_id"].to_pylist()), world.item_index(log["item_id"].to_pylist())
        treated = world.treated[user]
        arm = pc.replace_substring(log["policy"], "-explore-rank", "").to_numpy(zero_copy_only=False)
        assert (arm == np.where(treated, "published", "control")).all()
        painted = np.array([cover.startswith("0" * 60) for cover in log["cover_id"].to_pylist()])
        expected = treated & (user < 590) & (user % 2 == 0) & (campaign.table[item, 0] >= 0)
        np.testing.assert_array_equal(painted, expected)
        assert painted.sum() > 200
        random = pc.ends_with(log["policy"], "-explore-rank").to_numpy(zero_copy_only=False)
        assert abs(random.mean() - 0.2) < 0.02
        request, first = np.unique(log["request_id"].to_numpy(), return_index=True)
        by_request = dict(zip(request, random[first], strict=True))
        assert all(by_request[name] == one for name, one in zip(log["request_id"].to_pylist(), random, strict=True))
        wording = np.isclose(log["propensity"].to_numpy()[painted][:, None], [0.7, 0.15]).any(axis=1)
        assert wording.all()  # the cover itself is certain

    def test_traffic_is_multiplied_and_new_items_launch_for_both_arms(self, world, log):
        assert abs(log.num_rows / (3 * 7500 * 7 / 7.5) - 1) < 0.15
        new = world.items.held_out[world.item_index(log["item_id"].to_pylist())]
        treated = pc.starts_with(log["policy"], "published").to_numpy(zero_copy_only=False)
        assert abs(new[treated].mean() - 0.36) < 0.03
        assert abs(new[~treated].mean() - 0.36) < 0.03

    def test_the_campaign_changes_no_other_draw(self, world, campaign, log):
        nothing = replace(campaign, table=np.full_like(campaign.table, -1))
        without = day_block(world, self.day, 0, campaign=nothing)
        for name in ("impression_id", "item_id", "title", "ts"):
            assert without[name].equals(log[name])
        control = pc.starts_with(log["policy"], "control")
        assert without.filter(control).equals(log.filter(control))

    def test_appearance_of_a_wrong_shape_is_refused(self, world):
        import pyarrow as pa

        published = pa.table({"item_id": [world.items.item_ids[0]], "segment_id": ["s"], "cover_id": ["c"]})
        segments = pa.table({"user_id": ["u0000001"], "segment_id": ["s"]})
        with pytest.raises(ValueError, match=r"expected \(1, 6\)"):
            build_campaign(world, published, segments, lambda covers, items: (np.ones((1, 5)), np.ones(1)))


class TestTitles:
    """Treated users of a words group read published titles."""

    day = date(2026, 3, 10)

    @pytest.fixture(scope="class")
    def campaign(self, world):
        import pyarrow as pa

        items = list(range(400))
        published = pa.table(
            {
                "item_id": [world.items.item_ids[item] for item in items],
                "group_id": ["en:0"] * 400,
                "title": [f"written {item}" for item in items],
            }
        )
        users = np.flatnonzero(world.users.language != 2)[:500]  # some whose language is another one
        groups = pa.table({"user_id": [world.user_ids[user] for user in users], "group_id": ["en:0"] * len(users)})

        def readings(subjects, titles, numbers, languages):
            assert len(subjects) == world.items.size
            assert titles == [f"written {number}" for number in numbers]
            assert set(languages) == {"en"}
            return np.full(len(titles), 2), np.full(len(titles), 0.75)

        nothing = {"item_id": [], "segment_id": [], "cover_id": []}
        covers = pa.table({name: pa.array(values, pa.string()) for name, values in nothing.items()})
        nobody = pa.table({"user_id": pa.array([], pa.string()), "segment_id": pa.array([], pa.string())})
        titles = build_titles(world, published, groups, readings)
        return build_campaign(world, covers, nobody, lambda c, i: (np.zeros((0, 6)), np.zeros(0)), titles)

    @pytest.fixture(scope="class")
    def log(self, world, campaign):
        return day_block(world, self.day, 0, campaign=campaign)

    def test_who_reads_what(self, world, campaign, log):
        user, item = world.user_index(log["user_id"].to_pylist()), world.item_index(log["item_id"].to_pylist())
        written = np.array([title.startswith("written ") for title in log["title"].to_pylist()])
        expected = world.treated[user] & (campaign.titles.group[user] >= 0) & (item < 400)
        np.testing.assert_array_equal(written, expected)
        assert written.sum() > 200
        assert log["title"].to_pylist()[int(np.argmax(written))] == f"written {item[np.argmax(written)]}"
        covers = np.isclose(log["propensity"].to_numpy()[written][:, None], 0.8).any(axis=1)
        assert covers.mean() > 0.5  # the cover's chance alone: the title itself is certain

    def test_clicks_follow_the_kind_and_what_is_lost(self, world, campaign, log):
        user, item = world.user_index(log["user_id"].to_pylist()), world.item_index(log["item_id"].to_pylist())
        written = np.array([title.startswith("written ") for title in log["title"].to_pylist()])
        from jobs.simulator.log.impressions import shown_titles
        from jobs.simulator.log.traffic import Traffic

        rows = np.flatnonzero(written)[:50]
        zero = np.zeros(len(rows), np.int64)
        told = dict.fromkeys(Traffic.__dataclass_fields__, zero)
        traffic = Traffic(**{**told, "user": user[rows], "item": item[rows]})
        shown = shown_titles(world, traffic, campaign, np.random.default_rng(0))
        own = world.users.language[user[rows]] == 0
        np.testing.assert_allclose(shown.lost, np.where(own, 1.5 * 0.25, 1.5))
        assert (shown.kind == 2).all()
        assert (shown.propensity == 1.0).all()

    def test_nothing_else_changes(self, world, campaign, log):
        without = day_block(world, self.day, 0, campaign=replace(campaign, titles=None))
        for name in ("impression_id", "item_id", "cover_id", "ts"):
            assert without[name].equals(log[name])
        control = pc.equal(log["policy"], "control")
        assert without.filter(control).equals(log.filter(control))

    def test_no_titles_are_no_campaign(self, world):
        import pyarrow as pa

        empty = pa.table({name: pa.array([], pa.string()) for name in ("item_id", "group_id", "title")})
        assert build_titles(world, empty, empty, lambda *_: (np.zeros(0), np.zeros(0))) is None
