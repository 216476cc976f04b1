import numpy as np
import pytest

from generation.personalization.methods import METHODS, MethodSpec
from generation.serving.client import _inputs
from generation.serving.requests import paint_batch, refusal
from tests.support.models.stand_in import Painter


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


HISTORY = np.zeros((48, 165), np.float32)
TOKENS = np.full(6, -1, np.int32)


def cell(array, place, value):
    changed = array.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"history": cell(HISTORY, (7, 3), np.nan)}, "history has values that are not finite in row 7"),
        ({"history": cell(HISTORY, (0, 161), np.inf)}, "history has values that are not finite in row 0"),
        ({"history": cell(HISTORY, (5, 163), -0.5)}, "history has the weight -0.5 in row 5: expected 0 or more"),
        ({"tokens": cell(TOKENS, 4, 64)}, "tokens has 64 in slot 4: expected -1 (none) to 63"),
        ({"tokens": cell(TOKENS, 0, -2)}, "tokens has -2 in slot 0: expected -1 (none) to 63"),
        ({"method": "profile", "tokens": TOKENS}, "tokens is given, and the method profile takes none: leave it out"),
    ],
)
def test_bad_histories_and_tokens_are_refused_with_field_and_row(make_request, monkeypatch, changes, reason):
    spec = MethodSpec(method="x:Y", needs=frozenset({"history", "tokens"}), codes=64)
    monkeypatch.setitem(METHODS, "told", spec)
    assert refusal(make_request(**{"method": "told", **changes})) == reason
    assert refusal(make_request(method="told", history=HISTORY, tokens=TOKENS)) is None


def test_a_history_of_another_shape_or_type_is_no_request(make_request):
    with pytest.raises(ValueError, match=r"history is float32 \(50, 165\): expected float32 \(48, 165\)"):
        make_request(history=np.zeros((50, 165), np.float32))
    with pytest.raises(ValueError, match=r"tokens is int64 \(6,\): expected int32"):
        make_request(tokens=np.zeros(6, np.int64))


def test_requests_without_the_optional_inputs_are_sent_as_they_always_were(make_request):
    more = {"history": HISTORY, "tokens": TOKENS, "pictures": np.zeros((3, 64, 64, 3), np.uint8)}
    plain, told = (_inputs(make_request(**extra)) for extra in ({}, more))
    names = ["PROMPT", "REFERENCE", "PREFERENCE", "SEED", "STEPS", "GUIDANCE", "METHOD"]
    assert [tensor.name() for tensor in plain] == names
    assert [tensor.name() for tensor in told] == [*names, "HISTORY", "TOKENS", "PICTURES"]
    assert told[-1].shape() == [1, 3, 64, 64, 3]
    for one, other in zip(plain, told, strict=False):
        assert one._get_tensor().SerializeToString() == other._get_tensor().SerializeToString()
        assert one._get_content() == other._get_content()
