import pytest
import torch

from generation.training_state import (
    checkpoint_metadata,
    follow,
    load_optimizer,
    optimizer_state,
    part_of,
    read_checkpoint,
    set_rate,
    write_checkpoint,
)


def test_averages_follow_faster_at_first():
    average = {"w": torch.zeros(1)}
    follow(average, {"w": torch.ones(1)}, ema=0.9, step=0)  # decay (1 + 0) / (10 + 0) = 0.1
    assert float(average["w"]) == pytest.approx(0.9)
    average = {"w": torch.zeros(1)}
    follow(average, {"w": torch.ones(1)}, ema=0.9, step=1000)  # 1001 / 1010 is more than 0.9
    assert float(average["w"]) == pytest.approx(0.1)


def test_a_checkpoint_comes_back_under_its_settings_only(tmp_path):
    path = tmp_path / "run" / "state.safetensors"
    write_checkpoint(path, {"a.w": torch.arange(3)}, {"step": "7", "settings": repr({"rate": 1})})
    tensors, step = read_checkpoint(path, {"rate": 1}, elsewhere="give --state")
    assert (tensors["a.w"].tolist(), step) == ([0, 1, 2], 7)
    assert part_of(tensors, "a.").keys() == {"w"}
    assert checkpoint_metadata(path)["step"] == "7"
    with pytest.raises(ValueError, match="give --state"):
        read_checkpoint(path, {"rate": 2}, elsewhere="give --state")
    assert not path.with_suffix(".part").exists()


def test_an_optimiser_goes_on_as_it_was():
    def stepped(weight, optimizer):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()

    weight = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.AdamW([weight], lr=0.1)
    stepped(weight, optimizer)
    other = weight.detach().clone().requires_grad_()
    resumed = torch.optim.AdamW([other], lr=0.5)
    state = {name: tensor.clone() for name, tensor in optimizer_state(optimizer, "adam").items()}
    load_optimizer(resumed, state, "adam")
    set_rate(resumed, 0.1)
    stepped(weight, optimizer)
    stepped(other, resumed)
    assert torch.equal(weight, other)
