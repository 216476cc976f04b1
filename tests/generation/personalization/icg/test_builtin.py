"""The built-in adapter: it begins as ``profile``, is trained by rewards, and is painted by the one painter."""

import json

import numpy as np
import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from conf.settings import GenerationSettings
from generation.diffusion.painter import Painter
from generation.personalization.icg import checkpoint
from generation.personalization.icg.builtin import fresh
from generation.personalization.icg.checkpoint import ship
from generation.personalization.methods import (
    adapter_folders,
    adapter_openers,
    method_fingerprints,
    method_named,
    methods_of,
)
from generation.personalization.places import PLACES
from generation.personalization.training.world import Sampler
from generation.serving.backends import InProcessPaint, open_backend
from generation.serving.repository import model_config
from tests.support.models.paint_requests import asked


def test_untrained_it_paints_what_profile_paints(painter, tmp_path):
    ship(fresh(painter.conditioning, seed=0), {}, tmp_path, painter.fingerprint, {})
    with_icg = Painter.load(adapters=adapter_openers({"icg": tmp_path}))
    plain, icg = with_icg.paint(**asked()), with_icg.paint(**asked(), method="icg")
    np.testing.assert_array_equal(icg, plain)
    assert with_icg.fingerprint_of("icg") != with_icg.fingerprint_of("profile") == painter.fingerprint


def test_the_backend_paints_by_method_and_refuses_what_is_not_loaded(painter, shipped, make_request):
    backend = InProcessPaint(Painter.load(adapters=adapter_openers({"icg": shipped[0]})), max_batch=4)
    plain, icg = list(backend.paint([make_request(1), make_request(1, method="icg")]))
    assert (plain.generator, icg.generator) == (backend.fingerprint(), backend.fingerprint("icg"))
    assert (plain.picture != icg.picture).any()
    (refused,) = InProcessPaint(painter, max_batch=4).paint([make_request(1, method="icg")])
    assert "no method 'icg': serve it with generation.method=icg" in refused.error


def test_triton_paints_it_as_the_process_does(shipped, tmp_path, make_request):
    settings = GenerationSettings(method="icg", icg=str(shipped[0]), max_batch=4, timeout_s=60)
    own = InProcessPaint(Painter.load(adapters=adapter_openers({"icg": shipped[0]})), max_batch=4)
    requests = [make_request(number, method=method) for number in range(2) for method in ("profile", "icg")]
    with open_backend(settings, tmp_path) as triton:
        assert triton.fingerprint("icg") == own.fingerprint("icg") != triton.fingerprint()
        served = {result.index: result for result in triton.paint(requests)}
    for index, result in enumerate(own.paint(requests)):
        assert served[index].error is None
        assert served[index].generator == result.generator
        assert np.abs(served[index].picture.astype(int) - result.picture).mean() <= 0.5


def test_the_unit_s_fingerprint_names_generator_and_adapter(painter, shipped):
    settings = GenerationSettings(method="icg", icg=str(shipped[0]))
    both = {
        "icg": Painter.load(adapters=adapter_openers({"icg": shipped[0]})).fingerprint_of("icg"),
        "profile": painter.fingerprint,
    }
    assert method_fingerprints(settings, painter.fingerprint) == both
    assert method_fingerprints(GenerationSettings(), painter.fingerprint) == {"profile": painter.fingerprint}
    assert methods_of(GenerationSettings(beside=("profile", "icg"))) == ("profile", "icg")
    config = text_format.Parse(model_config(settings), ModelConfig())
    assert json.loads(config.parameters["adapters"].string_value) == {"icg": str(shipped[0])}
    assert method_named("icg").name == "icg"
    assert adapter_folders(GenerationSettings(method="icg")) == {"icg": checkpoint.SHIPPED}
    assert adapter_folders(GenerationSettings()) == {}


def test_a_batch_depends_on_its_key_and_has_each_item_for_two(sampler):
    first, rows = sampler.draw(5)
    again, other = sampler.draw(5)[0], sampler.draw(6)[0]
    assert rows == len(first) == 4
    assert (first.item_ids, first.whom) == (again.item_ids, again.whom) != (other.item_ids, other.whom)
    assert first.item_ids[0] == first.item_ids[1]
    assert first.whom[0] != first.whom[1]
    assert first.places.shape == (4, PLACES, 1280)
    with pytest.raises(ValueError, match="multiple of 2"):
        Sampler(sampler.items, sampler.audience, rows=3, seed=1)


def test_policy_gradients_get_groups_of_equal_rows(sampler):
    batch, rows = Sampler(sampler.items, sampler.audience, rows=8, seed=1, user_share=0.0, each=2).draw(5)
    keys = list(zip(batch.item_ids, batch.whom, strict=True))
    assert rows == len(keys) == 8
    assert keys[::2] == keys[1::2]
    assert len(set(keys[:4])) == 2  # one item for two segments
    assert set(batch.whom) == {"s1", "s2"}
    with pytest.raises(ValueError, match=r"multiple of 8.* in groups of 4"):
        Sampler(sampler.items, sampler.audience, rows=4, seed=1, each=4)
