"""What training may draw from, on a small real lake; and a look at validation items with the real encoders."""

from datetime import date

import numpy as np
import pytest
import torch

from conf.errors import UsageError
from conf.settings import RewardModels, RewardWeights, Settings
from generation.alignment.guard import Guard, GuardSettings
from generation.diffusion.painter import Painter
from generation.personalization.icg.builtin import fresh
from generation.personalization.icg.painting import BuiltinPainting
from generation.personalization.training.rewarding import ScoredReward, Watch, WorldReward
from generation.personalization.training.world import Audience, Items, Sampler
from generation.rewards.candidates import CandidateScorer
from generation.rewards.personal import Personal
from generation.rewards.registry import Ingredients, build_panel
from jobs.lake.context import Context
from jobs.lake.splits import split_of
from jobs.lake.tables import USER_FEATURES
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import ENCODER_ID, load_encoders
from tests.generation.rewards.test_registry import Liking, random_batch
from tests.support import tiny

USERS = [f"u{number}" for number in range(24)]


@pytest.fixture(scope="module")
def ctx(tmp_path_factory):
    ctx = Context(ds=date.fromisoformat(tiny.DS), home=tmp_path_factory.mktemp("home"), settings=Settings())
    tiny.fill(ctx, ENCODER_ID)
    counts = {f"{what}_{days}d": 0 for days in (1, 7, 28) for what in ("impressions", "clicks", "ctr")}
    rows = [
        {
            "ds": tiny.DS,
            "user_id": user,
            **counts,
            "recency_hours": None,
            "category_affinity": [],
            "pref_embedding": tiny.axis(128),
            "pref_style": tiny.axis(32, 3, 0.0 if user == "u1" else 0.5),  # u1 never clicked
        }
        for user in USERS
    ]
    tiny.write(ctx, rows, USER_FEATURES)
    return ctx


@pytest.fixture(scope="module")
def encoders():
    torch.set_num_threads(1)
    return load_encoders()


def test_users_of_other_splits_and_without_a_profile_are_left_out(ctx):
    train, validation = Audience.read(ctx, "train"), Audience.read(ctx, "validation")
    assert train.segments == ("s0", "s1")  # "new" has no profile
    assert set(train.users) == {user for user in USERS if split_of(user) == "train"} - {"u1"}
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


def test_rewards_with_and_without_a_gradient_are_the_same_figures(ctx, encoders):
    audience = Audience.read(ctx, "train")
    batch, _ = Sampler(Items.read(ctx, encoders, "train"), audience, rows=4, seed=0, user_share=0.0).draw(0)
    pixels = (batch.reference + 1) / 2
    weights, given = RewardWeights(aesthetic=0), {"reference": random_batch(40), "models": RewardModels()}
    panels = [
        build_panel(weights, Ingredients(personal=Personal(Liking(), gradient), differentiable=by_gradient, **given))
        for gradient, by_gradient in ((None, False), (lambda whom, items, vectors: vectors[:, 128], True))
    ]
    scored = ScoredReward(panels[0], CandidateScorer(ctx))(pixels, batch)
    valued = WorldReward(panels[1], encoders.image)(pixels, batch)
    assert set(scored.parts) == set(valued.parts) == {"personal", "relevance"}
    for name, part in scored.parts.items():
        np.testing.assert_allclose(part.numpy(), valued.parts[name].detach().numpy(), atol=0.02)
    np.testing.assert_allclose(scored.total.numpy(), valued.total.detach().numpy(), atol=0.2)


def test_an_unknown_audience_is_told_nothing(ctx):
    audience = Audience.read(ctx, "train")
    unknown = audience.unknown()
    assert (unknown.segments, unknown.users) == (audience.segments, audience.users)
    assert not any(preference.any() for preference in unknown.preference.values())


def test_a_look_paints_every_item_for_every_segment_and_repeats(ctx, encoders):
    painter = Painter.load()
    painting = BuiltinPainting(painter, fresh(painter.conditioning, seed=0), guidance=1.0)
    given = Ingredients(
        reference=random_batch(40), personal=Personal(Liking()), models=RewardModels(), differentiable=True
    )
    weights = RewardWeights(personal=0, diversity=0.5)
    reward = WorldReward(build_panel(weights, given), encoders.image)
    items = Items.read(ctx, encoders, "train", limit=2)
    watch = Watch(painting, reward, items, Audience.read(ctx, "train"), PicturePack.load(), steps=2)
    look, sheet = watch(0)
    assert look.reward.shape == look.monitor.shape == (4,)  # two items, two segments
    assert sheet.shape == (3, 3 * 64, 2 * 64)  # the original and two segments; two items
    assert (look.monitor > 0.2).all()
    assert look.diversity > 0
    np.testing.assert_array_equal(watch(0)[0].reward, look.reward)
    assert Guard(GuardSettings()).judge(look).best
