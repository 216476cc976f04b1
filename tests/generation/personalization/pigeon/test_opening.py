"""Pigeon in the painter: as ``profile`` untrained, and nobody's cover bit for bit."""

import shutil

import numpy as np
import pytest

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.diffusion.painter import Painter
from generation.personalization.icg.checkpoint import ship
from generation.personalization.methods import adapter_openers, method_fingerprints
from generation.personalization.pigeon.personal import fresh
from generation.serving.backends import InProcessPaint, open_backend
from tests.generation.personalization.pigeon.conftest import a_history
from tests.support.models.paint_requests import asked


@pytest.fixture(scope="module")
def saved(moved, painter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pigeon")
    ship(moved, {}, folder, painter.fingerprint, {})
    return folder


@pytest.fixture(scope="module")
def served(saved):
    return Painter.load(adapters=adapter_openers({"pigeon": saved}))


def test_untrained_it_paints_what_profile_paints_from_the_same_preference(painter, tmp_path):
    ship(fresh(painter.conditioning, seed=0), {}, tmp_path, painter.fingerprint, {})
    own = Painter.load(adapters=adapter_openers({"pigeon": tmp_path}))
    histories = np.stack([a_history(1), a_history(2)])
    found = own.paint(**asked(), method="pigeon", histories=histories)
    np.testing.assert_array_equal(found, own.paint(**asked()))
    assert own.fingerprint_of("pigeon") != own.fingerprint


def test_a_user_without_history_gets_the_unpersonalised_cover_bit_for_bit(served):
    told = asked()
    nobody = {**told, "preferences": np.zeros_like(told["preferences"])}
    plain = served.paint(**nobody, method="pigeon")
    np.testing.assert_array_equal(plain, served.paint(**nobody))
    np.testing.assert_array_equal(plain, served.paint(**told, method="pigeon"))
    none = np.zeros((2, 48, 165), np.float32)
    np.testing.assert_array_equal(plain, served.paint(**told, method="pigeon", histories=none))
    none[0] = a_history(1)
    mixed = served.paint(**told, method="pigeon", histories=none)
    assert np.abs(mixed[0].astype(int) - plain[0]).mean() > 1
    assert np.abs(mixed[1].astype(int) - plain[1]).max() <= 1


def test_a_mixed_batch_is_each_alone_and_triton_paints_it_as_the_process_does(saved, served, make_request, tmp_path):
    settings = GenerationSettings(method="pigeon", adapters={"pigeon": str(saved)}, max_batch=4, timeout_s=60)
    requests = [
        make_request(1, method="pigeon", history=a_history(1)),
        make_request(2, method="pigeon"),
        make_request(3, method="pigeon", history=a_history(2, clicks=2)),
    ]
    own = InProcessPaint(served, max_batch=4)
    together = {each.index: each for each in own.paint(requests)}
    for index, request in enumerate(requests):
        (alone,) = own.paint([request])
        assert np.abs(alone.picture.astype(int) - together[index].picture).mean() <= 0.5
    with open_backend(settings, tmp_path) as triton:
        assert triton.fingerprint("pigeon") == served.fingerprint_of("pigeon")
        for each in triton.paint(requests):
            assert each.error is None
            assert np.abs(each.picture.astype(int) - together[each.index].picture).mean() <= 0.5


def test_another_generator_a_changed_file_and_half_a_folder_are_refused(saved, painter, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(saved, folder)
    settings = GenerationSettings(method="pigeon", adapters={"pigeon": str(folder)})
    with pytest.raises(UsageError, match=r"was trained on generator .*, and 0123 would paint"):
        method_fingerprints(settings, "0123")
    (folder / "adapter" / "config.json").unlink()
    with pytest.raises(UsageError, match="config"):
        method_fingerprints(settings, painter.fingerprint)
    with pytest.raises(UsageError, match="coverlift train pigeon"):
        method_fingerprints(GenerationSettings(method="pigeon", adapters={"pigeon": str(tmp_path)}), "0123")
