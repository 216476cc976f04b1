"""Codes over public pipelines as painters of the night: in process, and served by the real Triton."""

import numpy as np
import pytest

from conf.settings import GenerationSettings
from generation.diffusion.painter import SHIPPED, checkpoint_fingerprint
from generation.personalization.dppmg.pictures.public.pipelines import CodedPainter
from generation.personalization.methods import method_fingerprints, needed
from generation.serving.backends import open_backend
from generation.serving.painters import open_painter
from tests.support.models import tiny_generators
from tests.support.models.pipeline_requests import TALL, request

TOKENS = np.array([[1, 2, 3, -1, -1, -1], [4, 5, -1, -1, -1, -1], [-1] * 6], np.int32)


@pytest.mark.parametrize("family", list(tiny_generators.GENERATORS))
def test_every_pipeline_paints_the_nights_covers(saved, family):
    painter = CodedPainter.load(saved(family)[0])
    painted = painter.paint(**request(3, guidance=np.array([1, 4, 1], np.float32)), tokens=TOKENS)
    assert (painted.shape, painted.dtype) == ((3, *TALL[::-1], 3), np.uint8)
    alone = painter.paint(**request(1, guidance=1.0), tokens=TOKENS[:1])
    assert np.abs(alone[0].astype(int) - painted[0]).max() <= 2  # sums follow the batch size
    nobody = painter.paint(**request(1, guidance=1.0))
    assert (nobody != alone).any()
    np.testing.assert_array_equal(painter.paint(**request(1, guidance=1.0), tokens=TOKENS[2:]), nobody)


def test_triton_serves_it_beside_the_built_in_generator(saved, tmp_path, make_request):
    folder, _ = saved("sdxl", strength=0.6)
    settings = GenerationSettings(method="dppmg", adapters={"dppmg": str(folder)}, max_batch=4, timeout_s=60)
    known = method_fingerprints(settings, checkpoint_fingerprint(SHIPPED))
    alone = CodedPainter.load(folder)
    told = {"method": "dppmg", "steps": 2, "guidance": 3.0}
    requests = [make_request(number, tokens=TOKENS[number], **told) for number in range(2)]
    with open_backend(settings, tmp_path) as triton:
        assert {method: triton.fingerprint(method) for method in ("dppmg", "profile")} == known
        served = {result.index: result for result in triton.paint([*requests, make_request(5)])}
    assert served[2].generator == known["profile"]
    for index, one in enumerate(requests):
        assert served[index].error is None
        assert served[index].generator == known["dppmg"] == alone.fingerprint
        (expected,) = alone.paint(
            prompts=[one.prompt],
            references=one.reference[None],
            preferences=one.preference[None],
            seeds=np.array([one.seed]),
            steps=2,
            guidance=3.0,
            tokens=one.tokens[None],
        )
        assert np.abs(served[index].picture.astype(int) - expected).max() <= 2


def test_another_method_is_refused(saved):
    painter = open_painter(None, {"dppmg": saved("stable-diffusion")[0]})
    with pytest.raises(ValueError, match="no method 'icg'"):
        painter.painters["dppmg"].fingerprint_of("icg")


def test_a_night_with_it_tells_codes(saved):
    folder, _ = saved("sdxl")
    public = GenerationSettings(method="dppmg", beside=(), adapters={"dppmg": str(folder)})
    assert needed(public) == {"tokens"}
