"""The contract of a PaintBackend, run against every implementation with the shipped painter."""

import numpy as np
import pytest

from conf.settings import GenerationSettings
from generation.finishing.finishings import finished_fingerprint
from generation.finishing.redraw import redrawn
from generation.serving.backends import open_backend
from jobs.stickers.pack import PicturePack

SETTINGS = {"steps": 2, "max_batch": 4, "in_flight": 16}


@pytest.fixture(scope="module")
def backends(tmp_path_factory):
    logs = tmp_path_factory.mktemp("logs")
    with (
        open_backend(GenerationSettings(backend="inprocess", **SETTINGS), logs) as inprocess,
        open_backend(GenerationSettings(backend="triton-local", **SETTINGS), logs) as triton,
    ):
        yield {"inprocess": inprocess, "triton": triton}


@pytest.fixture(scope="module")
def references():
    pack = PicturePack.load()
    return [pack.pixels(code, "noto") for code in pack.codes("train")[:6]]


@pytest.fixture(params=["inprocess", "triton"])
def backend(request, backends):
    return backends[request.param]


def requests_for(references, make_request):
    random = np.random.default_rng(5)
    return [
        make_request(number, reference=reference, preference=random.normal(size=160).astype(np.float32) / 12)
        for number, reference in enumerate(references)
    ]


def assert_same_picture(one, other):
    """Equal but for the order of bfloat16 sums, which follows the batch size."""
    difference = np.abs(one.astype(int) - other.astype(int))
    assert difference.mean() <= 0.5
    assert np.quantile(difference, 0.99) <= 3


def test_one_result_per_request(backend, references, make_request):
    results = list(backend.paint(requests_for(references, make_request)))
    assert sorted(result.index for result in results) == list(range(6))
    for result in results:
        assert result.error is None
        assert (result.picture.shape, result.picture.dtype) == ((64, 64, 3), np.uint8)
        assert result.generator == backend.fingerprint()


def test_nothing_asked_nothing_painted(backend):
    assert list(backend.paint([])) == []


def test_a_refused_request_does_not_harm_the_others(backend, make_request, references):
    requests = requests_for(references[:3], make_request)
    requests[1] = make_request(1, steps=0)
    results = {result.index: result for result in backend.paint(requests)}
    assert results[1].error == "INVALID_ARGUMENT: steps is 0: expected 1 to 1000"
    assert results[1].picture is None
    assert results[0].error is None
    assert results[2].error is None


def test_the_same_seed_paints_the_same_alone_and_in_a_batch(backend, references, make_request):
    requests = requests_for(references[:4], make_request)
    together = {result.index: result.picture for result in backend.paint(requests)}
    (alone,) = backend.paint([requests[3]])
    assert_same_picture(together[3], alone.picture)


def test_another_seed_paints_another_picture(backend, references, make_request):
    taste = np.random.default_rng(0).normal(size=160).astype(np.float32) / 12
    asked = [make_request(seed, reference=references[0], preference=taste) for seed in (1, 2)]
    one, two = backend.paint(asked)
    assert np.abs(one.picture.astype(int) - two.picture.astype(int)).mean() > 0.1


def test_both_paint_the_same_pixels(backends, references, make_request):
    requests = requests_for(references, make_request)
    painted = {
        name: np.stack([result.picture for result in sorted(each.paint(requests), key=lambda result: result.index)])
        for name, each in backends.items()
    }
    assert_same_picture(painted["inprocess"], painted["triton"])
    assert backends["inprocess"].fingerprint() == backends["triton"].fingerprint()


def test_finished_covers_are_the_same_through_both_and_have_a_fingerprint_of_their_own(
    backends, references, make_request, tmp_path
):
    asked = requests_for(references, make_request)
    plain = [result.picture for result in backends["inprocess"].paint(asked)]
    found = {}
    for backend in ("inprocess", "triton-local"):
        settings = GenerationSettings(backend=backend, finishing="regions", **SETTINGS)
        with open_backend(settings, tmp_path) as opened:
            assert opened.fingerprint() == finished_fingerprint(backends["inprocess"].fingerprint(), "regions")
            results = sorted(opened.paint(asked), key=lambda result: result.index)
            assert {result.generator for result in results} == {opened.fingerprint()}
            found[backend] = [result.picture for result in results]
    for painted, one, other, original in zip(plain, found["inprocess"], found["triton-local"], references, strict=True):
        assert_same_picture(one, other)
        assert_same_picture(one, redrawn(painted[None], original[None])[0])
        assert np.abs(one.astype(int) - painted).mean() > 1
