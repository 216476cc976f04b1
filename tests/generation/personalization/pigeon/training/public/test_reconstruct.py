"""Stage 1: clicked covers painted again, in latents."""

import numpy as np
import pytest
import torch

from generation.alignment.guard import Guard, GuardSettings
from generation.alignment.run import RunSettings, align
from generation.personalization.pigeon.mask import count_kept
from generation.personalization.pigeon.training.public.latents import Places
from generation.personalization.pigeon.training.public.reconstruct import Reconstruct, ReconstructWatch
from generation.personalization.pigeon.training.reconstruct import RATIOS


def masked_task(tasks):
    """The first task of which two rows have covers masked."""
    for key in range(99):
        task = tasks.draw(key, 1.0)
        if (count_kept(task.batch.counts, task.batch.masking.ratio) < task.batch.counts).sum() >= 2:
            return task
    raise AssertionError("no task is masked")


@pytest.mark.parametrize("family", ["stable-diffusion", "flux"])
def test_the_loss_falls_and_nothing_moves_but_what_is_trained(public, make_tasks, family):
    model = public.fresh("llava", family)
    tasks = make_tasks(model, learning_rate=5e-3)
    tuner = Reconstruct(model, model.trainable(), tasks.settings)
    task, before = masked_task(tasks), {name: weight.detach().clone() for name, weight in model.named_parameters()}
    places = Places.drawn(model.generator, 3, tuple(task.clean.shape[1:]), 1)
    with torch.no_grad():
        first = float(tuner.losses(task, places).mean())
    figures = tuner.learn(lambda _key, _tau: task)
    moved = {name for name, weight in model.mask.named_parameters() if not torch.equal(weight, before[f"mask.{name}"])}
    assert "enter.1.weight" in moved  # the mask learns from the first step on
    assert figures["gradient"] > 0
    for _ in range(8):
        tuner.learn(lambda _key, _tau: task)
    with torch.no_grad():
        assert float(tuner.losses(task, places).mean()) < first
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert moved <= set(model.trainable())
    assert {name.split(".")[0] for name in moved} == {"metas", "mask", "connector"}
    assert {"queries"} | {"lora_A", "lora_B"} <= {part for name in moved for part in name.split(".")}


def test_the_gradient_of_the_loss_reaches_the_mask(public, make_tasks):
    model = public.fresh()
    tasks = make_tasks(model)
    tuner = Reconstruct(model, model.trainable(), tasks.settings)
    task = masked_task(tasks)
    tuner.losses(task, Places.drawn(model.generator, 3, tuple(task.clean.shape[1:]), 1)).mean().backward()
    assert model.mask.enter[1].weight.grad.norm() > 0


def test_tasks_are_decided_by_their_key_and_masked_by_a_ratio_of_their_own(public, make_tasks):
    model = public.fresh()
    tasks = make_tasks(model, rows=12)
    drawn = tasks.draw(3, 0.5)
    assert set(drawn.batch.masking.ratio.tolist()) <= {np.float32(ratio) for ratio in RATIOS}
    assert len(set(drawn.batch.masking.ratio.tolist())) > 1
    assert drawn.batch.masking.tau == 0.5
    assert torch.equal(tasks.draw(3, 0.5).clean, drawn.clean)
    counts = torch.cat([tasks.draw(key, 1.0).batch.counts for key in range(8)])
    assert 0 < (counts == 0).sum() < 30  # a tenth of the rows are nobody's
    assert counts.max() == 8
    assert not make_tasks(model, rows=12, mask=False).draw(3, 0.5).batch.masking.ratio.any()


def test_the_sigmoid_narrows_over_the_run(public, make_tasks):
    model = public.fresh()
    tuner = Reconstruct(model, model.trainable(), make_tasks(model, steps=100).settings)
    widths = []
    for tuner.step in (0, 50, 100, 200):
        widths.append(tuner.tau)
    assert widths == pytest.approx([1.0, 0.65, 0.3, 0.3])


def test_a_killed_run_goes_on_as_if_it_had_not_been(public, make_tasks, tmp_path):
    def run(folder, *limits):
        for steps in limits:
            model = public.fresh()
            tasks, watched = make_tasks(model, steps=2), make_tasks(model, "validation")
            tuner = Reconstruct(model, model.trainable(), tasks.settings)
            look = ReconstructWatch(tuner, watched, rows=1, steps=1)
            align(
                tuner,
                lambda tuner=tuner, tasks=tasks: tuner.learn(tasks.draw),
                look,
                Guard(GuardSettings()),
                RunSettings(steps=steps, every=1),
                folder,
                say=lambda _text: None,
            )
        return {name: weight.detach() for name, weight in model.trainable().items()}

    whole, parts = run(tmp_path / "whole", 2), run(tmp_path / "parts", 1, 2)
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, atol=1e-6, rtol=1e-5)
    assert (tmp_path / "whole" / "sheet-000002.png").is_file()


def test_a_look_is_the_same_each_time_and_sees_the_loss_and_the_picture(public, make_tasks):
    model = public.fresh()
    tasks = make_tasks(model, "validation")
    tuner = Reconstruct(model, model.trainable(), tasks.settings)
    watch = ReconstructWatch(tuner, tasks, rows=2, steps=1)
    (look, sheet), (again, _) = watch(0), watch(1)
    np.testing.assert_array_equal(look.reward, again.reward)
    np.testing.assert_array_equal(look.monitor, again.monitor)
    assert look.reward.shape == look.monitor.shape == (2,)
    assert (look.reward < 0).all()
    assert sheet.shape == (3, 3 * 64, 2 * 64)
