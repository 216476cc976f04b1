"""Models over public checkpoints as painters of the night: in process, and served by the real Triton."""

import numpy as np
import pytest

from conf.settings import GenerationSettings
from generation.diffusion.painter import SHIPPED, checkpoint_fingerprint
from generation.personalization.icg.public.pipelines import PipelinePainter
from generation.personalization.methods import method_fingerprints
from generation.serving.backends import open_backend
from generation.serving.painters import open_painter
from tests.support.models import tiny_generators
from tests.support.models.pipeline_requests import TALL, request


@pytest.mark.parametrize("family", list(tiny_generators.GENERATORS))
def test_every_pipeline_paints_the_night_s_covers(saved, family):
    painter = PipelinePainter.load(saved("llava", family))
    painted = painter.paint(**request(3, guidance=np.array([1, 4, 1], np.float32)))
    assert (painted.shape, painted.dtype) == ((3, *TALL[::-1], 3), np.uint8)
    alone = painter.paint(**request(1, guidance=1.0))
    assert np.abs(alone[0].astype(int) - painted[0]).max() <= 2  # sums follow the batch size
    nobody = painter.paint(**request(1, guidance=1.0) | {"preferences": np.zeros((1, 160), np.float32)})
    assert (nobody != alone).any()


@pytest.mark.parametrize(("mllm", "family"), [("llava", "sdxl"), ("idefics3", "flux")])
def test_triton_serves_it_beside_the_built_in_generator(saved, tmp_path, make_request, mllm, family):
    folder = saved(mllm, family)
    settings = GenerationSettings(method="icg", icg=str(folder), max_batch=4, timeout_s=60)
    known = method_fingerprints(settings, checkpoint_fingerprint(SHIPPED))
    alone = PipelinePainter.load(folder)
    requests = [make_request(number, method="icg", steps=2, guidance=3.0) for number in range(2)]
    with open_backend(settings, tmp_path) as triton:
        assert {method: triton.fingerprint(method) for method in ("icg", "profile")} == known
        served = {result.index: result for result in triton.paint([*requests, make_request(5)])}
    assert served[2].generator == known["profile"]
    for index, one in enumerate(requests):
        assert served[index].error is None
        assert served[index].generator == known["icg"] == alone.fingerprint
        (expected,) = alone.paint(
            prompts=[one.prompt],
            references=one.reference[None],
            preferences=one.preference[None],
            seeds=np.array([one.seed]),
            steps=2,
            guidance=3.0,
        )
        assert np.abs(served[index].picture.astype(int) - expected).max() <= 2


def test_methods_and_preferences_that_do_not_fit_are_named(saved):
    painter = open_painter(None, {"icg": saved("llava", "stable-diffusion")})
    with pytest.raises(ValueError, match=r"no method 'pigeon': it has \['icg', 'profile'\]"):
        painter.fingerprint_of("pigeon")
    with pytest.raises(ValueError, match="no method 'profile'"):
        painter.painters["icg"].fingerprint_of("profile")
    other = saved("llava", "pixart", user_dim=8)
    with pytest.raises(ValueError, match="preferences of 8: the night has 160"):
        PipelinePainter.load(other)
