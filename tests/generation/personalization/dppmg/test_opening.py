"""The method over the shipped generator, painted."""

import numpy as np
import pytest
import torch

from conf.errors import UsageError
from generation.diffusion.adapter import ConditionBatch, network_for
from generation.diffusion.painter import Painter
from generation.personalization.dppmg.opening import open_adapter
from generation.personalization.methods import adapter_openers, shipped_weights

CODES = np.array([[1, 2, 3, -1, -1, -1], [1, 2, -1, -1, -1, -1], [9, -1, -1, -1, -1, -1], [1, 2, 3, -1, -1, -1]])


@pytest.fixture(scope="module")
def told(folder):
    return Painter.load(
        adapters={"dppmg": lambda unet, conditioning, name: open_adapter(folder, unet, conditioning, name)}
    )


def test_without_tokens_it_paints_what_the_generator_paints_bit_for_bit(told, scene):
    for guidance in (1.0, 1.2):
        own = told.paint(**scene, guidance=guidance)
        assert np.array_equal(told.paint(**scene, guidance=guidance, method="dppmg"), own)


def test_codes_change_the_picture_and_low_rank_weights_paint_them_alone(told, scene):
    plain = told.paint(**scene, method="dppmg")
    coded = told.paint(**scene, method="dppmg", tokens=CODES.astype(np.int32))
    assert all((one != other).any() for one, other in zip(plain, coded, strict=True))
    adapter = told.adapter_of("dppmg")
    text = {"text": torch.zeros(1, 384), "pixels": torch.zeros(1, 3, 64, 64, dtype=torch.uint8)}
    batch = ConditionBatch(preference=torch.zeros(1, 160), tokens=torch.from_numpy(CODES[:1]), **text)
    assert network_for(adapter, batch) is adapter.unet is not told.unet
    assert network_for(adapter, batch.unpersonalised()) is told.unet


def test_a_mixed_batch_equals_each_alone(told, scene):
    together = told.paint(**scene, method="dppmg", tokens=CODES.astype(np.int32))
    for row in range(4):
        one = {name: value[row : row + 1] if name != "steps" else value for name, value in scene.items()}
        alone = told.paint(**one, method="dppmg", tokens=CODES[row : row + 1].astype(np.int32))
        assert np.abs(alone[0].astype(int) - together[row]).max() <= 1


def test_another_generators_weights_are_refused(folder, painter):
    with pytest.raises(UsageError, match="trained on generator"):
        open_adapter(folder, painter.unet, painter.conditioning, "another")


def test_what_ships_fits_the_generator_that_ships_and_is_small(scene):
    own = Painter.load(adapters=adapter_openers({"dppmg": shipped_weights("dppmg")}))
    plain = own.paint(**scene, method="dppmg")
    assert np.array_equal(plain, own.paint(**scene))
    coded = own.paint(**scene, method="dppmg", tokens=CODES.astype(np.int32))
    assert all((one != other).any() for one, other in zip(plain, coded, strict=True))
    assert sum(path.stat().st_size for path in shipped_weights("dppmg").rglob("*.safetensors")) < 1_200_000
