import numpy as np
import pytest

from generation.serving.requests import paint_batch, refusal
from tests.support.stand_in import Painter


def test_requests_with_equal_steps_are_one_batch_and_those_without_guidance_another(make_request):
    painter = Painter()
    requests = [make_request(0), make_request(1, steps=3), make_request(2)]
    requests += [make_request(3, guidance=2.0), make_request(4, guidance=0.5)]
    results = paint_batch(painter, requests)
    assert sorted(painter.batches) == [(1, 3, [1.0]), (2, 2, [1.0, 1.0]), (2, 2, [2.0, 0.5])]
    assert [result.index for result in results] == [0, 1, 2, 3, 4]
    alone = paint_batch(Painter(), [requests[2]])[0]
    np.testing.assert_array_equal(results[2].picture, alone.picture)
    assert results[2].generator == "stand-in-1"


def test_a_request_that_breaks_the_model_fails_alone(make_request):
    results = paint_batch(Painter(), [make_request(0), make_request(1, prompt="unpaintable"), make_request(2)])
    assert [result.error for result in results] == [None, "INTERNAL: RuntimeError: this prompt breaks the model", None]
    assert results[1].picture is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"steps": 0}, "steps is 0: expected 1 to 1000"),
        ({"steps": 1001}, "steps is 1001: expected 1 to 1000"),
        ({"guidance": -1.0}, "guidance is -1: expected 0 to 50"),
        ({"guidance": float("nan")}, "guidance is nan: expected 0 to 50"),
        ({"seed": -3}, "seed is -3: expected 0 or more"),
        ({"preference": np.full(160, np.inf, np.float32)}, "preference has values that are not finite"),
    ],
)
def test_what_can_never_be_painted_is_refused(make_request, changes, reason):
    assert refusal(make_request(**changes)) == reason
