"""What training may draw from, on a small real lake."""

from datetime import date

import numpy as np
import pytest

from conf.errors import UsageError
from generation.personalization.training.world import Audience, Items
from jobs.lake.context import Context
from jobs.lake.splits import split_of
from jobs.stickers.pack import PicturePack
from tests.support.worlds import tiny


def test_users_of_other_splits_and_without_a_profile_are_left_out(ctx):
    train, validation = Audience.read(ctx, "train"), Audience.read(ctx, "validation")
    assert train.segments == ("s0", "s1")  # "new" has no profile
    assert set(train.users) == {
        user for user in (f"u{number}" for number in range(24)) if split_of(user) == "train"
    } - {"u1"}
    assert not set(train.users) & set(validation.users)
    assert train.preference["s1"][128:130].tolist() == pytest.approx([0.0, 0.3])
    assert len(Audience.read(ctx, "train", limit=2).users) == 2


def test_items_are_of_one_split_with_their_default_covers(ctx, encoders):
    items = Items.read(ctx, encoders, "train")
    assert {split_of(item) for item in items.ids} == {"train"}
    pack = PicturePack.load()
    np.testing.assert_array_equal(items.pixels[0], pack.pixels(items.ids[0], "noto"))
    assert items.titles[0] == pack.subject(items.ids[0]).labels["en"]
    assert tiny.LATER not in items.ids  # it does not exist yet
    with pytest.raises(UsageError, match="no validation item"):
        Items.read(Context(ds=date(2026, 1, 1), home=ctx.home, settings=ctx.settings), encoders, "validation")


def test_an_unknown_audience_is_told_nothing(ctx):
    audience = Audience.read(ctx, "train")
    unknown = audience.unknown()
    assert (unknown.segments, unknown.users) == (audience.segments, audience.users)
    assert not any(preference.any() for preference in unknown.preference.values())
