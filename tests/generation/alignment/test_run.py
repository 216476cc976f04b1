"""The loop on a tiny painter: hacked and honest rewards, kills, rates that are too high."""

import torch

from generation.alignment.draft import Draft, DraftSettings, Rewarded
from generation.alignment.guard import Guard, GuardSettings, Look
from generation.alignment.monitor import pixel_diversity, structural_similarity
from generation.alignment.run import RunSettings, align
from generation.diffusion.process import deterministic_step, seeded_noise
from tests.support.models.tiny_painter import SHAPE, TinyPainter, draw, redness


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
    outcome, draft, _ = run(closeness, tmp_path, steps=20)
    assert outcome == "done"
    assert draft.step == 20


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
