"""A few steps: what moves, and for whom."""

import copy

import numpy as np
import pytest
import torch

from generation.alignment.draft import Draft, DraftSettings, Rewarded
from generation.diffusion.painter import Painter
from generation.personalization.dppmg.checkpoint import add_low_rank
from generation.personalization.dppmg.inject import CodeTables
from generation.personalization.dppmg.painting import CodePainting
from generation.personalization.dppmg.train_pictures import CODE, CodeTastes, Holders
from generation.personalization.icg.painting import SHAPE
from generation.personalization.low_rank import lora_weights
from generation.personalization.training.painting import WorldBatch
from generation.personalization.training.reader_reward import Tastes


@pytest.fixture
def holders():
    rng = np.random.default_rng(1)
    users = tuple(f"u{row:03}" for row in range(60))
    return Holders(
        segments={"s0": np.array([1, 2, 3])},
        users=users,
        codes=rng.integers(0, 4, (60, 3)),
        preferences=rng.normal(size=(60, 160)).astype(np.float32),
        clicks=rng.integers(3, 40, 60),
        profiles={"s0": rng.normal(size=160).astype(np.float32)},
    )


def test_painted_for_are_segments_first_codes_and_users_with_many_clicks(holders):
    audience, told = holders.audience(), holders.told()
    codes = {f"{CODE}{code}" for code in range(4)}
    assert set(audience.segments) == codes | {"s0"}
    heavy = [row for row in range(60) if holders.clicks[row] >= 10]
    assert set(audience.users) <= {holders.users[row] for row in heavy}
    assert set(told) == codes | {*audience.users, "s0"}
    assert told[f"{CODE}2"].tolist() == [2, -1, -1]
    assert not any(value.any() for value in audience.preference.values())


def test_of_equal_codes_the_user_who_clicked_most_is_painted_for(holders):
    told = [tuple(holders.codes[row]) for row in holders.heavy()]
    assert len(told) == len(set(told))
    for row, codes in zip(holders.heavy(), told, strict=True):
        same = (holders.codes == codes).all(1)
        assert holders.clicks[row] == holders.clicks[same].max()


def test_a_code_has_the_mean_taste_of_its_users():
    def clicks(whom, item_ids, vectors):
        likes = {"a": 0.4, "b": 0.2}
        return torch.tensor([0.1 + likes[name] * float(vector[-1]) for name, vector in zip(whom, vectors, strict=True)])

    styles = torch.zeros(3, 32)
    styles[:, -1] = torch.tensor([0.0, 0.5, 1.0])
    tastes = Tastes(clicks, styles, ["i"], torch.zeros(1, 128))
    found = CodeTastes(tastes, {"code:0": ("a", "b")})
    own, mean = found(["a", "b"]), found(["code:0"])[0]
    wanted = own.mean(0)
    assert mean == pytest.approx(((wanted - wanted.mean()) / wanted.std(correction=0)).tolist(), abs=1e-5)
    assert mean.argmax() == 2


def test_only_tables_and_low_rank_weights_move_bit_for_bit():
    """Every other tensor of UNet and conditioning is compared with what was loaded."""
    torch.set_num_threads(1)
    painter = Painter.load()
    kept = {name: weight.clone() for name, weight in painter.unet.state_dict().items()}
    kept_conditioning = {name: weight.clone() for name, weight in painter.conditioning.state_dict().items()}
    tables, unet = CodeTables.for_conditioning(painter.conditioning), copy.deepcopy(painter.unet)
    add_low_rank(unet)
    codes = {"a": torch.tensor([1, 2, 3]), "b": torch.tensor([2, -1, -1])}
    painting = CodePainting(painter, unet, tables, codes, guidance=1.15)
    parameters = {"tables.vectors": tables.vectors} | {
        f"unet.{name}": each for name, each in lora_weights(unet).items()
    }
    rng = np.random.default_rng(0)
    batch = WorldBatch(
        reference=torch.from_numpy(rng.uniform(-1, 1, (2, 3, 64, 64))).float(),
        text=torch.randn(2, 384),
        places=torch.zeros(2, 16, 1280),
        preference=torch.zeros(2, 160),
        reference_embeddings=torch.zeros(2, 128),
        text_embeddings=torch.zeros(2, 128),
        item_ids=["i", "j"],
        whom=["a", "b"],
        titles=["i", "j"],
    )

    def brightness(pixels, told):
        value = pixels.mean((1, 2, 3))
        return Rewarded(total=value, parts={"bright": value})

    settings = DraftSettings(sampler_steps=1, learning_rate=1e-2, warmup=1, regularisation=0.0)
    draft = Draft(painting, parameters, brightness, shape=SHAPE, settings=settings)
    seen = [draft.learn(lambda key: (batch, 2))["bright"] for _ in range(3)]
    assert seen[-1] > seen[0]
    for name, weight in painter.unet.state_dict().items():
        assert torch.equal(weight, kept[name])
    for name, weight in painter.conditioning.state_dict().items():
        assert torch.equal(weight, kept_conditioning[name])
    own = {name.replace(".base_layer", ""): each for name, each in unet.state_dict().items() if "lora_" not in name}
    assert all(torch.equal(own[name], kept[name]) for name in kept)
    moved = tables.vectors.detach()
    assert all(moved[level, code].any() for level, code in ((0, 1), (1, 2), (0, 2)))
    assert not moved[0, 5].any()
    assert all("attn2" in name for name in lora_weights(unet))
    assert any(weight.any() for name, weight in lora_weights(unet).items() if "lora_B" in name)
