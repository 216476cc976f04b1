import numpy as np
import pytest
import torch

from generation.diffusion.training import train_reader
from generation.diffusion.training.data import Bends, load_drawings, planes_of
from generation.diffusion.training.reader import Reader
from generation.diffusion.training.train_reader import (
    ReaderSettings,
    ReaderTrainer,
    ReaderTraining,
    Views,
    look,
    supervised_contrastive,
)
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import load_encoders


@pytest.fixture(scope="module")
def drawings():
    return load_drawings(PicturePack.load().sample(60), load_encoders(), "train")


@pytest.fixture(scope="module")
def bends(drawings, tmp_path_factory):
    path = tmp_path_factory.mktemp("bends") / "bends.safetensors"
    return Bends(drawings, path), path


def test_the_contrastive_loss_by_hand():
    subject = torch.tensor([0, 0, 1, 1])
    embedding = torch.eye(4)[[0, 0, 1, 1]]
    # each picture: its twin at cosine 1, two others at 0, temperature 0.1
    expected = float(np.log(np.exp(10) + 2) - 10)
    assert float(supervised_contrastive(embedding, subject)) == pytest.approx(expected, rel=1e-3)
    assert supervised_contrastive(torch.eye(4), subject) == pytest.approx(float(np.log(3)))


def test_a_batch_depends_on_the_step_alone_and_shows_a_subject_in_different_families(drawings, bends):
    views = Views(drawings, bends[0], seed=0)
    pictures, subject, family = views.draw(3, 6)
    again = views.draw(3, 6)
    assert torch.equal(pictures, again[0])
    assert not torch.equal(pictures, views.draw(4, 6)[0])
    for number in subject.unique():
        some = family[subject == number]
        assert 2 <= len(some) <= train_reader.VIEWS
        assert len(some.unique()) == len(some)


def test_a_resumed_run_is_the_same_run(drawings, bends, tmp_path):
    settings, views = ReaderSettings(steps=4, subjects=6, seed=3), Views(drawings, bends[0], seed=3)
    first = ReaderTrainer(settings, views)
    for _ in range(2):
        first.learn()
    first.save(tmp_path / "checkpoint.safetensors")
    losses = [first.learn() for _ in range(2)]
    second = ReaderTrainer(settings, views)
    second.resume(tmp_path / "checkpoint.safetensors")
    assert second.step == 2
    assert [second.learn() for _ in range(2)] == losses
    for name, weight in first.reader.state_dict().items():
        assert torch.equal(weight, second.reader.state_dict()[name]), name
    with pytest.raises(ValueError, match="other settings"):
        ReaderTrainer(ReaderSettings(steps=5, subjects=6, seed=3), views).resume(tmp_path / "checkpoint.safetensors")


@pytest.mark.parametrize(
    ("steps", "killed_at", "family"), [(20, 12, None), pytest.param(100, 60, 0.3, marks=pytest.mark.soak)]
)
def test_the_command_trains_a_reader_killed_or_not(
    monkeypatch, tmp_path, drawings, bends, capsys, steps, killed_at, family
):
    """In the long run it knows more of the six families than chance."""
    monkeypatch.setattr(
        train_reader.PicturePack, "load", classmethod(lambda cls, load=PicturePack.load: load().sample(60))
    )
    options = ReaderTraining(
        out=tmp_path / "reader.safetensors", bends=bends[1], every=steps // 2,
        settings=ReaderSettings(steps=steps, subjects=8),
    )  # fmt: skip
    learn = ReaderTrainer.learn

    def killed(trainer):
        if trainer.step == killed_at:
            raise KeyboardInterrupt
        return learn(trainer)

    with monkeypatch.context() as in_between:
        in_between.setattr(ReaderTrainer, "learn", killed)
        with pytest.raises(KeyboardInterrupt):
            train_reader.train_reader(options)
    train_reader.train_reader(options)
    told = capsys.readouterr().out
    assert f"goes on after step {steps // 2}" in told
    assert f"validation at {steps}" in told
    reader = Reader.load(tmp_path / "reader.safetensors")
    assert not any(parameter.requires_grad for parameter in reader.parameters())
    reading = reader(planes_of(drawings.pixels[:8]))
    assert reading.subject.norm(dim=1) == pytest.approx(torch.ones(8))
    if family is not None:
        assert f"step {steps}/{steps}" in told  # every fifty steps
        assert look(reader, drawings)["family"] > family
