"""Rewards with and without a gradient, and a look at validation items with the real encoders."""

import numpy as np

from conf.settings import RewardModels, RewardWeights
from generation.alignment.guard import Guard, GuardSettings
from generation.diffusion.painter import Painter
from generation.personalization.icg.builtin import fresh
from generation.personalization.icg.painting import BuiltinPainting
from generation.personalization.training.rewarding import ScoredReward, Watch, WorldReward
from generation.personalization.training.world import Audience, Items, Sampler
from generation.rewards.candidates import CandidateScorer
from generation.rewards.personal import Personal
from generation.rewards.registry import Ingredients, build_panel
from jobs.stickers.pack import PicturePack
from tests.support.models.reward_batches import Liking, random_batch


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
