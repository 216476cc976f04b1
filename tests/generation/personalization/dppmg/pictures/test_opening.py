"""The method over the shipped generator, painted."""

import shutil

import numpy as np
import pytest
import torch

from conf.errors import UsageError
from generation.diffusion.adapter import ConditionBatch, network_for
from generation.diffusion.painter import Painter
from generation.personalization.dppmg.pictures.checkpoint import ship
from generation.personalization.dppmg.pictures.opening import open_adapter
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


@pytest.fixture(scope="module")
def decoded(decoding):
    """In float32: in bfloat16 a last digit of the preference may be rounded to 20 levels of a pixel."""
    painter = Painter.load(adapters=adapter_openers({"dppmg": decoding, "icg": shipped_weights("icg")}))
    painter.dtype = torch.float32
    return painter


@pytest.mark.parametrize("guidance", [1.0, 1.2])
def test_codes_are_painted_as_icg_paints_what_they_stand_for(decoded, meanings, scene, guidance):
    with torch.no_grad():
        stands_for = meanings(torch.from_numpy(CODES)).half().float().numpy()
    wanted = decoded.paint(**scene | {"preferences": stands_for}, guidance=guidance, method="icg")
    got = decoded.paint(**scene, guidance=guidance, method="dppmg", tokens=CODES.astype(np.int32))
    assert np.abs(got.astype(int) - wanted).max() <= 2
    assert np.abs(got.astype(int) - decoded.paint(**scene, guidance=guidance, method="dppmg")).mean() > 1


def test_without_codes_it_is_icgs_cover_for_nobody_bit_for_bit(decoded, scene):
    nobody = decoded.paint(**scene, method="icg")
    assert np.array_equal(decoded.paint(**scene, method="dppmg"), nobody)
    none = np.full((4, 6), -1, np.int32)
    assert np.array_equal(decoded.paint(**scene, method="dppmg", tokens=none), nobody)


def test_a_preference_is_not_looked_at(decoded, scene):
    """What is not told cannot leak."""
    told = scene | {"preferences": np.ones((4, 160), np.float32)}
    tokens = CODES.astype(np.int32)
    assert np.array_equal(
        decoded.paint(**told, method="dppmg", tokens=tokens), decoded.paint(**scene, method="dppmg", tokens=tokens)
    )


def test_codes_that_other_weights_of_icg_painted_are_refused(decoding, meanings, painter, tmp_path):
    shutil.copytree(decoding, tmp_path / "other")
    ship(meanings, {}, tmp_path / "other", painter.fingerprint, {}, through="0123456789abcdef")
    with pytest.raises(UsageError, match=r"ICG's weights 0123456789abcdef.*coverlift train dppmg-pictures"):
        open_adapter(tmp_path / "other", painter.unet, painter.conditioning, painter.fingerprint)


def test_what_ships_fits_the_generator_that_ships_and_is_small(scene):
    own = Painter.load(adapters=adapter_openers({"dppmg": shipped_weights("dppmg")}))
    plain = own.paint(**scene, method="dppmg")
    coded = own.paint(**scene, method="dppmg", tokens=CODES.astype(np.int32))
    assert all((one != other).any() for one, other in zip(plain, coded, strict=True))
    assert sum(path.stat().st_size for path in shipped_weights("dppmg").rglob("*.safetensors")) < 1_200_000
