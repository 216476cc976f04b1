"""Pigeons over public checkpoints as painters of the night: in process, and served by the real Triton."""

import numpy as np
import pytest

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.diffusion.painter import SHIPPED, checkpoint_fingerprint
from generation.personalization.methods import method_fingerprints
from generation.personalization.pigeon.public.pipelines import PigeonPipelinePainter
from generation.serving.backends import InProcessPaint, open_backend
from generation.serving.painters import open_painter
from generation.serving.requests import paint_batch
from tests.support.models import tiny_generators
from tests.support.models.pipeline_requests import TALL, request


def covers(count, seed=5):
    return np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("family", list(tiny_generators.GENERATORS))
def test_every_pipeline_paints_the_night_s_covers(saved, family):
    painter = PigeonPipelinePainter.load(saved("llava", family))
    told = {"pictures": [covers(4), covers(0), covers(1)]}
    painted = painter.paint(**request(3, guidance=np.array([1, 4, 1], np.float32)), **told)
    assert (painted.shape, painted.dtype) == ((3, *TALL[::-1], 3), np.uint8)
    alone = painter.paint(**request(1, guidance=1.0), pictures=[covers(4)])
    assert np.abs(alone[0].astype(int) - painted[0]).max() <= 2  # sums follow the batch size


def test_nobody_is_painted_alike_with_any_preference_and_at_any_guidance(saved):
    painter = PigeonPipelinePainter.load(saved("llava", "stable-diffusion"))
    nobody = painter.paint(**request(1), guidance=1.0)
    zeros = {"preferences": np.zeros((1, 160), np.float32)}
    np.testing.assert_array_equal(painter.paint(**{**request(1), **zeros}, guidance=1.0), nobody)
    np.testing.assert_array_equal(painter.paint(**request(1), guidance=1.0, pictures=[covers(0)]), nobody)
    guided = painter.paint(**request(1), guidance=3.0, pictures=[covers(0)])
    assert np.abs(guided.astype(int) - nobody).max() <= 1  # both halves of guidance are the same
    assert (painter.paint(**request(1), guidance=1.0, pictures=[covers(3)]) != nobody).any()


def test_triton_serves_it_with_and_without_pictures_as_in_process(saved, tmp_path, make_request):
    folder = saved("idefics3", "sdxl")
    settings = GenerationSettings(method="pigeon", adapters={"pigeon": str(folder)}, max_batch=4)
    known = method_fingerprints(settings, checkpoint_fingerprint(SHIPPED))
    alone = PigeonPipelinePainter.load(folder)
    asked = {"method": "pigeon", "steps": 2, "guidance": 3.0}
    requests = [make_request(number, **asked, pictures=covers(count)) for number, count in enumerate((3, 8, 3))]
    requests += [make_request(3, **asked), make_request(4), make_request(5, **asked, pictures=covers(9))]
    with open_backend(settings, tmp_path) as triton:
        assert {method: triton.fingerprint(method) for method in ("pigeon", "profile")} == known
        served = {result.index: result for result in triton.paint(requests)}
    assert served[4].generator == known["profile"]
    assert served[5].error == "INVALID_ARGUMENT: pictures has 9 rows: expected 1 to 8"
    for index, one in enumerate(requests[:4]):
        assert served[index].error is None
        assert served[index].generator == known["pigeon"] == alone.fingerprint
        (expected,) = alone.paint(
            prompts=[one.prompt],
            references=one.reference[None],
            preferences=one.preference[None],
            seeds=np.array([one.seed]),
            steps=2,
            guidance=3.0,
            pictures=None if one.pictures is None else [one.pictures],
        )
        assert np.abs(served[index].picture.astype(int) - expected).max() <= 2


def test_bad_pictures_are_refused_by_row_and_the_others_are_painted(saved, make_request):
    painter = open_painter(None, {"pigeon": saved("llava", "stable-diffusion")})
    for bad in (covers(2)[:, :0], covers(2).astype(np.float32), covers(2)[0]):
        with pytest.raises(ValueError, match=r"pictures is .*: expected uint8 \(1 to 8, height, width, 3\)"):
            make_request(pictures=bad)
    asked = {"method": "pigeon", "steps": 1}
    requests = [
        make_request(0, **asked, pictures=covers(2)),
        make_request(1, **asked, pictures=covers(0)),
        make_request(2, **asked, pictures=covers(9)),
        make_request(3, pictures=covers(2)),
        make_request(4, **asked, history=np.zeros((48, 165), np.float32)),
    ]
    results = paint_batch(painter, requests)
    assert results[0].error is None
    assert [each.error for each in results[1:]] == [
        "INVALID_ARGUMENT: pictures has 0 rows: expected 1 to 8",
        "INVALID_ARGUMENT: pictures has 9 rows: expected 1 to 8",
        "INVALID_ARGUMENT: pictures is given, and the method profile takes none: leave it out",
        "INTERNAL: ValueError: pigeon over public checkpoints is told pictures of clicked covers, not history",
    ]


def test_the_built_in_network_looks_at_no_pictures(make_request):
    settings = GenerationSettings(method="pigeon", backend="inprocess")
    with open_backend(settings, None) as backend:
        assert isinstance(backend, InProcessPaint)
        (result,) = backend.paint([make_request(method="pigeon", pictures=covers(2))])
    assert "over the built-in generator is told history, not pictures" in result.error


def test_the_fingerprint_follows_the_folder_and_bad_ones_are_refused(saved, tmp_path):
    one, other = (
        GenerationSettings(method="pigeon", adapters={"pigeon": str(saved("llava", family))})
        for family in ("stable-diffusion", "sdxl")
    )
    assert method_fingerprints(one, "0123")["pigeon"] != method_fingerprints(other, "0123")["pigeon"]
    (tmp_path / "pigeon.safetensors").write_bytes(b"half of it")
    with pytest.raises(UsageError, match="save_pigeon wrote whole"):
        method_fingerprints(GenerationSettings(method="pigeon", adapters={"pigeon": str(tmp_path)}), "0123")


def test_another_method_is_refused(saved):
    painter = PigeonPipelinePainter.load(saved("llava", "stable-diffusion"))
    with pytest.raises(ValueError, match="no method 'icg': it is a pipeline of the method 'pigeon'"):
        painter.fingerprint_of("icg")
