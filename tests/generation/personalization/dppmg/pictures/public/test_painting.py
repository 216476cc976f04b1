"""Pipelines as training paints with them: what moves, and what is shipped."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from conf.errors import UsageError
from conf.settings import Settings
from generation.alignment.draft import Draft, DraftSettings, Rewarded
from generation.diffusion.process import Schedule
from generation.personalization.dppmg.pictures.holders import Holders
from generation.personalization.dppmg.pictures.public.painting import CodedPipelinePainting
from generation.personalization.dppmg.pictures.public.pipelines import CodedPainter
from generation.personalization.dppmg.pictures.train import PictureTraining, place_of, trainee_of
from generation.personalization.training.painting import WorldBatch
from tests.support.models.pipeline_requests import CANVAS, request

WHOM = {"s0": torch.tensor([1, 2, 3]), "u001": torch.tensor([2, -1, -1])}


def rows_for_training():
    generator = torch.Generator().manual_seed(2)
    return WorldBatch(
        reference=torch.rand(2, 3, 64, 64, generator=generator) * 2 - 1,
        text=torch.zeros(2, 384),
        places=torch.zeros(2, 16, 1280),
        preference=torch.zeros(2, 160),
        reference_embeddings=torch.zeros(2, 128),
        text_embeddings=torch.zeros(2, 128),
        item_ids=["fox", "fox"],
        whom=["s0", "u001"],
        titles=["fox", "fox"],
    )


def less_green(pixels, _batch):
    return Rewarded(total=-pixels[:, 1].mean((1, 2)), parts={})


def holders():
    rng = np.random.default_rng(1)
    return Holders(
        segments={"s0": np.array([1, 2, 3])},
        users=("u001", "u002"),
        codes=np.array([[2, -1, -1], [4, 5, 6]]),
        preferences=rng.normal(size=(2, 160)).astype(np.float32),
        clicks=np.array([20, 20]),
        profiles={"s0": np.ones(160, np.float32)},
    )


def public(folder, **more):
    dppmg = {"generator": str(folder), "low_rank": 4, **more}
    return Settings(dppmg=dppmg, generation={"canvas": CANVAS, "guidance": 2.0, "steps": 2})


def climbed(trainee, steps=4):
    """The reward of fixed noise before and after some steps, with weight decay on."""
    tune = DraftSettings(sampler_steps=2, learning_rate=2e-2, warmup=1, regularisation=0.0, ema=0.5, weight_decay=0.1)
    shape = trainee.painting.shape
    draft = Draft(trainee.painting, trainee.parameters, less_green, shape=shape, settings=tune)
    batch, noise = rows_for_training(), torch.randn(2, *shape, generator=torch.Generator().manual_seed(5))

    def reward():
        with torch.no_grad():
            return draft.loss(batch, noise, 0)[1]["reward"]

    before = reward()
    for _ in range(steps):
        draft.learn(lambda _key: (batch, 2))
    return before, reward()


@pytest.mark.parametrize(
    ("family", "strength"),
    [
        ("sdxl", 1.0),
        ("stable-diffusion", 0.6),
        ("pixart", 1.0),
        ("sana", 1.0),
        ("stable-diffusion-3", 0.6),
        ("flux", 1.0),
    ],
)
def test_a_reward_rises_and_only_tables_and_low_rank_weights_move(pipelines, tmp_path, family, strength):
    ctx = SimpleNamespace(settings=public(pipelines(family), strength=strength))
    trainee = trainee_of(ctx, PictureTraining(date="2026-01-01"), holders(), "q")
    model = trainee.painting.model
    assert set(trainee.parameters) == set(model.trainable())
    before = {name: weight.detach().clone() for name, weight in model.state_dict().items()}
    first, last = climbed(trainee)
    assert last > first
    moved = {name for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])}
    assert moved <= set(trainee.parameters)
    assert {"tokens.vectors"} <= moved
    assert any("lora_B" in name for name in moved)
    rows = model.tokens.vectors.detach()
    assert all(rows[level, code].any() for level, code in ((0, 1), (1, 2), (2, 3), (0, 2)))
    assert not rows[0, 5].any()  # nobody here holds it

    trainee.ship(tmp_path, {**trainee.about, "command": "the command"})
    tokens = np.array([[1, 2, 3, -1, -1, -1]], np.int32)
    painted = CodedPainter.load(tmp_path).paint(**request(1), tokens=tokens)
    alone = CodedPainter(model, fingerprint="")
    np.testing.assert_array_equal(alone.paint(**request(1), tokens=tokens), painted)


def test_under_a_strength_of_one_the_path_is_the_end_of_a_longer_one(fresh):
    model = fresh("stable-diffusion-3", strength=0.5)
    painting = CodedPipelinePainting(model, WHOM, canvas=CANVAS, steps=2, guidance=1.0)
    whole, path = Schedule.flow(4, shift=3.0), painting.schedule(2)
    assert (path.timesteps, path.sigmas) == (whole.timesteps[2:], whole.sigmas[2:])
    batch = rows_for_training()
    quiet = painting.start(batch, torch.zeros(2, *painting.shape)).x
    noisy = painting.start(batch, torch.ones(2, *painting.shape)).x
    torch.testing.assert_close(noisy - quiet, torch.full_like(quiet, path.sigmas[0]))
    with torch.no_grad():
        back = painting.decode(quiet / path.alphas[0])
    assert back.shape == (2, 3, 64, 64)
    noise = CodedPipelinePainting(fresh("sdxl"), WHOM, canvas=CANVAS, steps=2, guidance=1.0)
    start = torch.ones(2, *noise.shape)
    assert torch.equal(noise.start(batch, start).x, start)


def test_guidance_moves_away_from_the_empty_prompt(fresh):
    model = fresh("sdxl")
    painting = CodedPipelinePainting(model, WHOM, canvas=CANVAS, steps=2, guidance=3.0)
    batch = rows_for_training()
    told = painting.condition(batch)
    assert not told.plain.prompt_embeds.any()  # SDXL's own empty prompt
    assert painting.condition(batch).personal.prompt_embeds.requires_grad
    assert CodedPipelinePainting(model, WHOM, canvas=CANVAS, steps=2, guidance=1.0).condition(batch).plain is None


def test_wrong_places_are_refused(pipelines):
    ctx = SimpleNamespace(settings=public(pipelines("sdxl")))
    with pytest.raises(UsageError, match=r"low-rank weights are set by dppmg.low_rank"):
        trainee_of(ctx, PictureTraining(date="2026-01-01", low_rank=True), holders(), "q")
    with pytest.raises(UsageError, match="names no folder for dppmg"):
        place_of(ctx.settings)
    missing = SimpleNamespace(settings=public("nobody/nothing"))
    with pytest.raises(UsageError, match="No checkpoint 'nobody/nothing'"):
        trainee_of(missing, PictureTraining(date="2026-01-01"), holders(), "q")
