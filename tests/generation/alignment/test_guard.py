"""The guard on figures by hand, and on a real run with a reward that is easy to hack."""

import numpy as np
import pytest
import torch

from generation.alignment.draft import Draft, DraftSettings, Rewarded
from generation.alignment.guard import Guard, GuardSettings, Look
from generation.alignment.monitor import nearest_drawing, pixel_diversity, structural_similarity
from generation.alignment.run import RunSettings, align
from generation.diffusion.process import deterministic_step, seeded_noise
from tests.support.tiny_painter import SHAPE, TinyPainter, draw, redness

NOISE = np.array([-0.01, 0.01, -0.01, 0.01])


def look(step, reward, monitor, diversity=1.0):
    return Look(step=step, reward=reward + NOISE, monitor=monitor + NOISE[::-1] / 2, diversity=diversity)


def actions(*looks, **settings):
    guard = Guard(GuardSettings(**settings))
    return [guard.judge(each).action for each in looks]


def test_a_rise_with_a_steady_monitor_goes_on():
    assert actions(look(0, 0.0, 0.5), look(1, 0.2, 0.5), look(2, 0.4, 0.51)) == ["go on"] * 3


def test_a_rise_with_a_falling_monitor_backs_off_then_stops():
    hacked = [look(step, 0.1 * step, 0.5 - 0.1 * step) for step in range(5)]
    assert actions(*hacked, patience=2, backoffs=1) == ["go on", "go on", "back off", "go on", "stop"]


def test_both_falling_is_bad_training_and_no_hacking():
    assert actions(look(0, 0.5, 0.5), look(1, 0.4, 0.4), look(2, 0.3, 0.3), patience=1) == ["go on"] * 3


def test_lost_diversity_stops_too():
    assert actions(look(0, 0, 0.5), look(1, 0.1, 0.5, diversity=0.4), patience=1, backoffs=0) == ["go on", "stop"]


def test_what_is_not_finite_stops():
    assert actions(look(0, 0, 0.5), look(1, 0.1, np.nan)) == ["go on", "stop"]
    assert actions(look(0, 0, np.inf)) == ["stop"]


def test_an_equal_picture_has_similarity_one_and_a_constant_shift_by_hand():
    picture = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(structural_similarity(picture, picture), torch.ones(2))
    # Two flat pictures have no variance: (2ab + C1) / (a^2 + b^2 + C1).
    flat = structural_similarity(torch.full((1, 3, 16, 16), 0.2), torch.full((1, 3, 16, 16), 0.6))
    assert float(flat) == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), abs=1e-4)


def test_the_nearest_present_drawing_counts():
    painted = torch.rand(1, 3, 32, 32)
    drawings = torch.stack([torch.rand(3, 32, 32), painted[0]])[None]
    assert float(nearest_drawing(painted, drawings, torch.tensor([[True, True]]))) == pytest.approx(1.0, abs=1e-5)
    assert float(nearest_drawing(painted, drawings, torch.tensor([[True, False]]))) < 0.5


def test_diversity_is_over_pairs_of_one_group():
    painted = torch.stack([torch.full((3, 4, 4), value) for value in (0.0, 0.5, 1.0, 1.0)])
    assert pixel_diversity(painted, torch.tensor([0, 0, 1, 1])) == pytest.approx(0.25)  # pairs 0.5 and 0
    assert pixel_diversity(painted, torch.arange(4)) == 0.0


def run(reward, tmp_path, steps=40, patience=None, learning_rate=5e-3):
    """A real run; the monitor knows that the pictures should stay what the references show."""
    torch.set_num_threads(1)
    painter = TinyPainter()
    settings = DraftSettings(sampler_steps=2, learning_rate=learning_rate, warmup=1, regularisation=0.0, ema=0.5)
    draft = Draft(painter, dict(painter.named_parameters()), reward, shape=SHAPE, settings=settings)
    batch, rows = draw(rows=12)(12345)

    @torch.no_grad()
    def look(step):
        schedule, condition = painter.schedule(2), painter.condition(batch)
        x = painter.start(batch, seeded_noise((rows, *SHAPE), 9)).x
        for number in range(2):
            x = deterministic_step(schedule, number, x, painter.predict_clean(x, schedule, number, batch, condition))
        pixels = painter.decode(x)
        monitor = structural_similarity(pixels, (batch[0].clamp(-1, 1) + 1) / 2)
        seen = Look(
            step=step,
            reward=reward(pixels, batch).total.double().numpy(),
            monitor=monitor.double().numpy(),
            diversity=pixel_diversity(pixels, torch.zeros(rows, dtype=torch.int64)),
        )
        return seen, pixels.permute(1, 2, 0, 3).flatten(2)

    said = []
    outcome = align(
        draft,
        lambda: draft.learn(draw(rows=6)),
        look,
        Guard(GuardSettings(backoffs=0, min_diversity=0.0)),
        RunSettings(steps=steps, every=5, patience=patience),
        tmp_path,
        say=said.append,
    )
    return outcome, draft, said


def closeness(pixels, batch):
    """An honest reward: what the monitor looks for, in other words."""
    near = -(pixels - (batch[0].clamp(-1, 1) + 1) / 2).abs().mean((1, 2, 3))
    return Rewarded(total=near, parts={"near": near})


def test_the_guard_fires_on_a_reward_that_is_hacked(tmp_path):
    outcome, draft, _ = run(redness, tmp_path)
    assert outcome.startswith("stopped: since step")
    assert "the reward rose by" in outcome
    assert "the monitor fell by" in outcome
    assert draft.step < 40
    assert run(redness, tmp_path)[0] == outcome  # the same command does not train on
    # It returned to the best look that was not suspicious: the sheet and the log say which.
    assert (tmp_path / "sheet-000000.png").is_file()
    assert (tmp_path / "progress.jsonl").read_text().count('"guard"') >= 3


def test_the_guard_lets_an_honest_reward_be_climbed_and_time_ends_a_start(tmp_path):
    outcome, draft, _ = run(closeness, tmp_path)
    assert outcome == "done"
    assert draft.step == 40


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path):
    whole = run(closeness, tmp_path / "whole", steps=10)[1]
    run(closeness, tmp_path / "parts", steps=5)
    parts, said = run(closeness, tmp_path / "parts", steps=10)[1:]
    assert said[0] == "goes on after step 5"
    for name, weight in whole.parameters.items():
        assert torch.equal(weight, parts.parameters[name])


def test_a_rate_that_is_too_high_is_halved_from_the_best_look_and_a_killed_run_remembers(tmp_path):
    whole, said = run(closeness, tmp_path / "whole", patience=2, learning_rate=0.1)[1:]
    back = [words for words in said if words.startswith("back to the best look")]
    assert back[:2] == [
        f"back to the best look at half the learning rate, now {rate} of what was set" for rate in (0.5, 0.25)
    ]
    assert whole.rate == 0.5 ** len(back)
    for stop in (15, 25):
        run(closeness, tmp_path / "parts", steps=stop, patience=2, learning_rate=0.1)
    parts = run(closeness, tmp_path / "parts", patience=2, learning_rate=0.1)[1]
    assert (parts.rate, parts.returned) == (whole.rate, whole.returned)
    for name, weight in whole.parameters.items():
        assert torch.equal(weight, parts.parameters[name])
