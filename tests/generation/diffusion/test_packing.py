import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors import safe_open
from safetensors.torch import save_file

from generation.diffusion.conditioning import ConditioningAdapter
from generation.diffusion.packing import (
    PACKING,
    SMALLEST,
    WEIGHTS,
    pack,
    read_network,
    read_tensors,
    unpack,
    write_packed,
)


def test_a_row_of_small_whole_numbers_comes_back_as_it_was():
    row = torch.arange(-127.0, 128.0).repeat(17)
    packed = pack({"w": torch.stack([row, row * 4])})
    assert packed["w.int8"].dtype == torch.int8
    assert packed["w.scale"].tolist() == [1.0, 4.0]
    assert torch.equal(unpack(packed)["w"], torch.stack([row, row * 4]))


def test_a_scale_that_cuts_the_largest_value_is_taken_where_its_squared_error_is_less():
    """8,191 times .55 beside a 127: at scale 1 each errs by .45; at .8 by .25, the 127 by 25.4: less in all."""
    row = torch.full((1, 2 * SMALLEST), 0.55)
    row[0, 0] = 127.0
    found = unpack(pack({"w": row}))["w"]
    assert (found - row).square().sum() < 8191 * 0.45**2
    assert pack({"w": row})["w.scale"][0] < 1


@settings(max_examples=60, deadline=None)
@given(
    values=arrays.arrays(np.float32, (3, SMALLEST // 2), elements=st.floats(-8, 8, width=32)),
    scale=st.sampled_from([1e-3, 1.0, 50.0]),
)
def test_no_row_errs_more_than_at_the_scale_of_its_largest_value(values, scale):
    tensor = torch.from_numpy(values * scale)
    found = unpack(pack({"w": tensor}))["w"]
    step = tensor.abs().amax(1).clamp_min(1e-6) / 127
    rounded_scale = 127 * (step * 2**-11 + 2**-25)  # float16: 11 bits, and no finer than 2 ** -24
    bound = tensor.shape[1] * (0.5 * step + rounded_scale).square() * 1.01
    assert ((found - tensor).square().sum(1) <= bound).all()


def test_vectors_small_tensors_and_whole_numbers_are_not_packed():
    given_ = {"bias": torch.ones(SMALLEST), "small": torch.ones(4, 4), "ids": torch.arange(SMALLEST).view(2, -1)}
    packed = pack(given_)
    assert set(packed) == set(given_)
    assert packed["bias"].dtype == packed["small"].dtype == torch.float16
    assert torch.equal(packed["ids"], given_["ids"])
    assert unpack(packed)["ids"].dtype == torch.int64


def test_rows_without_their_scales_are_refused():
    packed = pack({"w": torch.randn(2, SMALLEST)})
    with pytest.raises(ValueError, match="packed tensor w of shape"):
        unpack({"w.int8": packed["w.int8"]})
    with pytest.raises(ValueError, match="not one scale a row"):
        unpack({**packed, "w.scale": packed["w.scale"][:1]})


def test_a_file_says_how_it_is_packed_and_another_packing_is_refused(tmp_path):
    tensors = {"w": torch.randn(2, SMALLEST)}
    write_packed(tensors, tmp_path / "w.safetensors")
    assert (read_tensors(tmp_path / "w.safetensors")["w"] - tensors["w"]).abs().mean() < 0.01
    save_file(tensors, tmp_path / "later.safetensors", metadata={"packing": "int4-1"})
    with pytest.raises(ValueError, match=f"'int4-1', and this version reads '{PACKING}'"):
        read_tensors(tmp_path / "later.safetensors")


def test_the_same_tensors_are_the_same_bytes_however_often_they_are_written(tmp_path):
    tensors, path = {"w": torch.randn(2, SMALLEST), "b": torch.ones(3)}, tmp_path / "w.safetensors"
    written = set()
    for _ in range(32):
        write_packed(tensors, path)
        written.add(path.read_bytes())
    (content,) = written
    assert content[8:].startswith(b'{"__metadata__":{"format":"pt","packing":"')
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "pt", "packing": PACKING}


def test_a_network_is_read_packed_or_as_diffusers_saved_it(tmp_path):
    network = ConditioningAdapter()
    network.save_pretrained(tmp_path / "plain")
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "config.json").write_text((tmp_path / "plain" / "config.json").read_text())
    write_packed(network.state_dict(), tmp_path / "packed" / WEIGHTS)
    plain = read_network(ConditioningAdapter, tmp_path / "plain")
    assert all(torch.equal(plain.state_dict()[name], each) for name, each in network.state_dict().items())
    packed = read_network(ConditioningAdapter, tmp_path / "packed")
    expected = unpack(pack(network.state_dict()))
    assert all(torch.equal(packed.state_dict()[name], each) for name, each in expected.items())
    assert json.loads((tmp_path / "packed" / "config.json").read_text())["width"] == packed.config.width


def test_weights_of_another_network_are_refused(tmp_path):
    ConditioningAdapter(width=64).save_pretrained(tmp_path)
    told = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**told, "width": 96}))
    with pytest.raises(RuntimeError, match="size mismatch"):
        read_network(ConditioningAdapter, tmp_path)
