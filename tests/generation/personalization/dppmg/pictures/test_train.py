"""A few steps: what moves, and for whom."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from conf.errors import UsageError
from conf.settings import Settings
from generation.alignment.draft import Draft, DraftSettings, Rewarded
from generation.diffusion.painter import Painter
from generation.personalization.dppmg.pictures.checkpoint import add_low_rank
from generation.personalization.dppmg.pictures.inject import CodeTables
from generation.personalization.dppmg.pictures.painting import CodePainting, DecodedPainting
from generation.personalization.dppmg.pictures.train import PictureTraining, trainee_of
from generation.personalization.icg.checkpoint import SHIPPED as ICG_SHIPPED
from generation.personalization.icg.checkpoint import icg_fingerprint
from generation.personalization.icg.opening import open_beneath
from generation.personalization.icg.painting import SHAPE
from generation.personalization.low_rank import lora_weights
from generation.personalization.methods import adapter_openers
from generation.personalization.training.painting import WorldBatch


def climb(painting, parameters):
    """Brightness at every of a few steps towards brighter pictures, the same two rows each time."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
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

    settings = DraftSettings(sampler_steps=1, learning_rate=3e-2, warmup=1, regularisation=0.0)
    draft = Draft(painting, parameters, brightness, shape=SHAPE, settings=settings)
    return [draft.learn(lambda key: (batch, 2))["bright"] for _ in range(4)]


WHOM = {"a": torch.tensor([1, 2, 3]), "b": torch.tensor([2, -1, -1])}


def only_held_codes_moved(tables):
    moved = tables.vectors.detach()
    assert all(moved[level, code].any() for level, code in ((0, 1), (1, 2), (0, 2)))
    assert not moved[0, 5].any()


def weights_of(network):
    """Copies by name, without low-rank weights."""
    return {
        name.replace(".base_layer", ""): weight.clone()
        for name, weight in network.state_dict().items()
        if "lora_" not in name
    }


def same_weights(network, kept):
    own = weights_of(network)
    return own.keys() == kept.keys() and all(torch.equal(own[name], kept[name]) for name in kept)


def test_only_tables_and_low_rank_weights_move_bit_for_bit():
    """Every other tensor of UNet and conditioning is compared with what was loaded."""
    torch.set_num_threads(1)
    painter = Painter.load()
    kept, kept_conditioning = weights_of(painter.unet), weights_of(painter.conditioning)
    tables, unet = CodeTables.for_conditioning(painter.conditioning), copy.deepcopy(painter.unet)
    torch.manual_seed(0)
    add_low_rank(unet)
    low_rank = {f"unet.{name}": each for name, each in lora_weights(unet).items()}
    painting = CodePainting(painter, unet, tables, WHOM, guidance=1.15)
    seen = climb(painting, {"tables.vectors": tables.vectors} | low_rank)
    assert seen[-1] > seen[0]
    for network in (painter.unet, unet):
        assert same_weights(network, kept)
    assert same_weights(painter.conditioning, kept_conditioning)
    only_held_codes_moved(tables)
    assert all("attn2" in name for name in low_rank)
    assert any(weight.any() for name, weight in low_rank.items() if "lora_B" in name)


def test_through_icg_the_tables_move_alone():
    torch.set_num_threads(1)
    painter = Painter.load()
    through = icg_fingerprint(ICG_SHIPPED, painter.fingerprint)
    icg = open_beneath("dppmg", through, painter.unet, painter.conditioning, painter.fingerprint)
    networks = painter.unet, painter.conditioning, icg.unet, icg.icg
    kept = [weights_of(network) for network in networks]
    tables = CodeTables.for_preferences()
    seen = climb(DecodedPainting(painter, icg, tables, WHOM, guidance=1.15), {"tables.vectors": tables.vectors})
    assert seen[-1] > seen[0]
    assert all(same_weights(network, before) for network, before in zip(networks, kept, strict=True))
    only_held_codes_moved(tables)


def test_low_rank_weights_beside_icgs_are_refused(holders):
    options = PictureTraining(date="2026-01-01", low_rank=True)
    ctx = SimpleNamespace(settings=Settings())
    with pytest.raises(UsageError, match="--beneath generator"):
        trainee_of(ctx, options, holders, "")


@pytest.mark.parametrize("beneath", ["icg", "generator"])
def test_what_is_shipped_opens_again(holders, beneath, tmp_path):
    ctx = SimpleNamespace(settings=Settings())
    trainee = trainee_of(ctx, PictureTraining(date="2026-01-01", beneath=beneath), holders, "q")
    trainee.ship(tmp_path, trainee.about)
    painter = Painter.load(adapters=adapter_openers({"dppmg": tmp_path}))
    adapter = painter.adapter_of("dppmg")
    assert adapter.tables.preferences == (beneath == "icg")
    assert torch.allclose(adapter.tables.vectors, trainee.painting.tables.vectors, atol=1e-2)
    assert list(trainee.parameters) == ["tables.vectors"]
