"""The built-in adapter: it begins as ``profile``, is trained by rewards, and is painted by the one painter."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.alignment.draft import Draft, DraftSettings, Rewarded
from generation.diffusion.painter import Painter
from generation.personalization.icg import checkpoint
from generation.personalization.icg.builtin import fresh
from generation.personalization.icg.checkpoint import LAYERS, begin_from, lora_weights, ship
from generation.personalization.icg.painting import SHAPE, BuiltinPainting
from generation.personalization.icg.public.model import add_lora
from generation.personalization.icg.trainees import trainable
from generation.personalization.methods import (
    adapter_folders,
    adapter_openers,
    method_fingerprints,
    method_named,
    methods_of,
)
from generation.personalization.places import PLACES, picture_places
from generation.personalization.training.world import Audience, Items, Sampler
from generation.serving.backends import InProcessPaint, open_backend
from generation.serving.repository import model_config
from reward_model.encoders.model import load_backbone
from tests.support.paint_requests import asked


@pytest.fixture(scope="module")
def painter():
    torch.set_num_threads(1)
    return Painter.load()


def some_items(backbone, ids=("1f98a", "1f355", "1f680")):
    rng = np.random.default_rng(0)
    count = len(ids)
    blocks = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    pixels = torch.from_numpy(blocks).permute(0, 3, 1, 2).float() / 255
    unit = torch.nn.functional.normalize(torch.randn(2, count, 128, generator=torch.Generator().manual_seed(1)), dim=2)
    return Items(
        ids=ids,
        titles=tuple(f"item {each}" for each in ids),
        pixels=blocks,
        places=picture_places(backbone, pixels).half(),
        embeddings=unit[0],
        text=torch.nn.functional.normalize(torch.ones(count, 384), dim=1),
        aligned=unit[1],
    )


@pytest.fixture(scope="module")
def sampler():
    rng = np.random.default_rng(1)
    names = ("s1", "s2", "u1", "u2")
    audience = Audience(
        segments=names[:2],
        users=names[2:],
        preference={name: rng.normal(size=160).astype(np.float32) for name in names},
    )
    return Sampler(some_items(load_backbone()), audience, rows=4, seed=1)


def brightness(pixels, batch):
    value = pixels.mean((1, 2, 3))
    return Rewarded(total=value, parts={"bright": value})


@pytest.fixture(scope="module")
def shipped(painter, sampler, tmp_path_factory):
    """A few steps of training with LoRA on a fresh painter, shipped; and what moved."""
    own, out = Painter.load(), tmp_path_factory.mktemp("icg")
    icg = fresh(own.conditioning, seed=0)
    add_lora(own.unet, LAYERS["all"], 2)
    parameters = trainable(icg, own.unet)
    before = {name: weight.detach().clone() for name, weight in own.unet.named_parameters()}
    painting = BuiltinPainting(own, icg, guidance=2.0)
    settings = DraftSettings(sampler_steps=2, learning_rate=5e-4, warmup=1, regularisation=0.0)
    draft = Draft(painting, parameters, brightness, shape=SHAPE, settings=settings)
    fixed = sampler.draw(0)
    seen = [draft.learn(lambda _key: fixed)["bright"] for _ in range(4)]
    moved = {name for name, weight in own.unet.named_parameters() if not torch.equal(weight, before[name])}
    ship(icg, dict(lora_weights(own.unet)), out, own.fingerprint, {"date": "2026-01-01"})
    return out, seen, moved


def test_rewards_alone_train_it_and_the_generator_s_own_weights_stay(shipped):
    _, seen, moved = shipped
    assert seen[-1] > seen[0]
    assert moved
    assert all("lora_" in name for name in moved)


def test_untrained_it_paints_what_profile_paints(painter, tmp_path):
    ship(fresh(painter.conditioning, seed=0), {}, tmp_path, painter.fingerprint, {})
    with_icg = Painter.load(adapters=adapter_openers({"icg": tmp_path}))
    plain, icg = with_icg.paint(**asked()), with_icg.paint(**asked(), method="icg")
    np.testing.assert_array_equal(icg, plain)
    assert with_icg.fingerprint_of("icg") != with_icg.fingerprint_of("profile") == painter.fingerprint


def test_trained_it_paints_something_else_and_profile_stays(painter, shipped):
    with_icg = Painter.load(adapters=adapter_openers({"icg": shipped[0]}))
    np.testing.assert_array_equal(with_icg.paint(**asked()), painter.paint(**asked()))
    icg = with_icg.paint(**asked(), method="icg")
    assert (icg != painter.paint(**asked())).any()
    np.testing.assert_array_equal(
        icg, Painter.load(adapters=adapter_openers({"icg": shipped[0]})).paint(**asked(), method="icg")
    )


def test_training_goes_on_from_an_adapter_with_the_same_low_rank_layers(shipped):
    own = Painter.load()
    add_lora(own.unet, LAYERS["all"], 2)
    icg = fresh(own.conditioning, seed=5)
    began = begin_from(shipped[0], icg, own.unet, own.fingerprint)
    assert began == Painter.load(adapters=adapter_openers({"icg": shipped[0]})).fingerprint_of("icg")
    ship(icg, dict(lora_weights(own.unet)), shipped[0].parent / "again", own.fingerprint, {})
    for file in (checkpoint.LORA, Path("adapter") / "diffusion_pytorch_model.safetensors"):
        assert (shipped[0].parent / "again" / file).read_bytes() == (shipped[0] / file).read_bytes()
    with pytest.raises(UsageError, match="other low-rank weights"):
        begin_from(shipped[0], icg, Painter.load().unet, own.fingerprint)
    with pytest.raises(UsageError, match="was trained on generator"):
        begin_from(shipped[0], icg, own.unet, "another")


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


def test_another_generator_a_changed_file_and_no_adapter_are_refused(shipped, tmp_path):
    settings = GenerationSettings(method="icg", icg=str(shipped[0]))
    with pytest.raises(UsageError, match=r"was trained on generator .*, and 0123 would paint"):
        method_fingerprints(settings, "0123")
    with pytest.raises(UsageError, match=r"coverlift train icg"):
        method_fingerprints(GenerationSettings(method="icg", icg=str(tmp_path)), "0123")
    copy = tmp_path / "copy"
    shutil.copytree(shipped[0], copy)
    generator = json.loads((copy / "manifest.json").read_text())["generator"]
    (copy / "lora" / "lora.safetensors").write_bytes(b"something else")
    with pytest.raises(UsageError, match="SHA-256"):
        method_fingerprints(GenerationSettings(method="icg", icg=str(copy)), generator)


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
