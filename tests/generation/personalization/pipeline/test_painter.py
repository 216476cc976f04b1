"""A pipeline as it comes as the night's painter: in process, and served by the real Triton at two shapes."""

import numpy as np
import pytest

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.diffusion.painter import SHIPPED, checkpoint_fingerprint
from generation.personalization.methods import method_fingerprints
from generation.personalization.pipeline.painter import PlainPainter
from generation.serving.backends import open_backend
from tests.support.models import tiny_generators
from tests.support.models.pipeline_requests import TALL, request

IMAGE_TO_IMAGE = {"stable-diffusion", "sdxl", "stable-diffusion-3", "flux"}


@pytest.mark.parametrize("family", list(tiny_generators.GENERATORS))
def test_every_family_paints_words_at_the_size_of_the_reference(pipelines, family):
    painter = PlainPainter.load(pipelines(family), strength=0.5)
    assert painter.strength == (0.5 if family in IMAGE_TO_IMAGE else 1.0)
    asked = request(2, guidance=np.array([1, 4], np.float32))
    painted = painter.paint(**asked)
    assert (painted.shape, painted.dtype) == ((2, *TALL[::-1], 3), np.uint8)
    np.testing.assert_array_equal(painter.paint(**asked), painted)
    other = painter.paint(**asked | {"prompts": ["a green pear, for those who like fruit"] * 2})
    assert (other != painted).any()


def test_strength_says_how_near_the_cover_stays(pipelines):
    near, far = (PlainPainter.load(pipelines("sdxl"), strength=strength) for strength in (0.1, 1.0))
    asked = request(2, steps=4)
    turned = asked | {"references": 255 - asked["references"]}
    assert (near.paint(**asked) != near.paint(**turned)).any()
    np.testing.assert_array_equal(far.paint(**asked), far.paint(**turned))
    assert near.fingerprint != far.fingerprint


def test_triton_serves_two_shapes_side_by_side(pipelines, tmp_path, make_request):
    folder = pipelines("sdxl")
    settings = GenerationSettings(
        adapters={"profile": str(folder)}, canvas=["32x64", "64x32"], strength=0.5, max_batch=4, timeout_s=60
    )
    rng = np.random.default_rng(0)
    shapes = [(64, 32, 3), (32, 64, 3)] * 2
    requests = [
        make_request(number, steps=2, guidance=3.0, reference=rng.integers(0, 256, shape, dtype=np.uint8))
        for number, shape in enumerate(shapes)
    ]
    known = method_fingerprints(settings, checkpoint_fingerprint(SHIPPED))
    alone = PlainPainter.load(folder, strength=0.5)
    with open_backend(settings, tmp_path) as triton:
        assert triton.fingerprint("profile") == known["profile"] == alone.fingerprint
        served = {result.index: result for result in triton.paint(requests)}
    for index, one in enumerate(requests):
        assert served[index].error is None
        assert served[index].picture.shape == shapes[index]
        (expected,) = alone.paint(
            prompts=[one.prompt],
            references=one.reference[None],
            preferences=one.preference[None],
            seeds=np.array([one.seed]),
            steps=2,
            guidance=3.0,
        )
        assert np.abs(served[index].picture.astype(int) - expected).max() <= 2


def test_folders_and_methods_that_do_not_fit_are_named(pipelines, tmp_path):
    painter = PlainPainter.load(pipelines("sdxl"), strength=0.5)
    with pytest.raises(ValueError, match="no method 'icg': it is a pipeline of the method 'profile'"):
        painter.fingerprint_of("icg")
    with pytest.raises(UsageError, match=r"no pipeline of diffusers \(model_index.json\)"):
        method_fingerprints(GenerationSettings(adapters={"profile": str(tmp_path)}), "0123")
    with pytest.raises(FileNotFoundError, match="no pipeline of diffusers"):
        PlainPainter.load(tmp_path, strength=0.5)
