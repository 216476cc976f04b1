import hashlib
from datetime import UTC, datetime

import numpy as np
from scipy.stats import spearmanr

from jobs.lake.splits import bucket


def test_items_are_the_subjects_and_covers_their_drawings(world, pack):
    items = world.items
    assert items.size == 1570
    assert items.held_out.sum() == 216
    assert [bucket(code) == 0 for code in items.item_ids] == items.held_out.tolist()
    assert items.drawn.sum() == 9008
    fox = items.item_ids.index("1f98a")
    assert items.cover_ids[fox, 2] == hashlib.sha256(pack.bytes("1f98a", "twemoji")).hexdigest()


def test_a_held_out_item_has_only_its_default_cover(world):
    items = world.items
    assert (items.covers[items.held_out].sum(axis=1) == 1).all()
    np.testing.assert_array_equal(items.covers[~items.held_out], items.drawn[~items.held_out])
    assert items.covers[np.arange(items.size), items.default].all()


def test_default_families_are_uneven_and_all_used(world):
    share = np.bincount(world.items.default, minlength=6) / world.items.size
    assert share.min() > 0.08
    assert share.argmax() == 0  # noto has the greatest weight
    assert share.max() < 0.3


def test_held_out_items_launch_on_the_last_night(world):
    items = world.items
    launch = {created for created, new in zip(items.created_at, items.held_out, strict=True) if new}
    assert launch == {datetime(2026, 3, 9, tzinfo=UTC)}
    old = [created for created, new in zip(items.created_at, items.held_out, strict=True) if not new]
    assert datetime(2025, 3, 2, tzinfo=UTC) <= min(old) < max(old) < datetime(2026, 3, 2, tzinfo=UTC)


def test_popularity_is_a_zipf_law_that_follows_quality(world):
    ordered = np.sort(world.items.popularity)[::-1]
    np.testing.assert_allclose(ordered, np.arange(1, 1571) ** -0.7)
    rho = spearmanr(world.items.popularity, world.items.quality).statistic
    assert 0.4 < rho < 0.6


def test_factors_are_shared_within_a_subgroup(world, pack):
    factors = world.items.factors
    np.testing.assert_allclose(factors.std(axis=0), 1)
    subgroup = np.array([subject.subgroup for subject in pack.subjects])
    cats = factors[subgroup == "animal-mammal"]
    assert np.mean(cats.var(axis=0)) < 0.3  # its own share is 0.15
