"""The loop of an alignment run: steps, checkpoints, looks, sample sheets, the guard, a time limit."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from generation.alignment.guard import Guard, Look, Verdict
from generation.alignment.tuner import Tuner, step_of
from generation.training_state import part_of


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How long, and how often to look."""

    steps: int
    """Optimiser steps in all."""
    every: int = 25
    """Steps between looks, each with a checkpoint and a sample sheet."""
    minutes: float | None = None
    """Time of this start; the same command goes on afterwards."""
    patience: int | None = None
    """Looks in a row without a better one before it returns to the best, at half the learning rate; None: never."""


def align(
    tuner: Tuner,
    learn: Callable[[], dict[str, float]],
    look: Callable[[int], tuple[Look, Tensor]],
    guard: Guard,
    settings: RunSettings,
    work: Path,
    *,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Train until all steps are done, time is up or the guard stops it.

    Parameters
    ----------
    tuner
        With what it trains; resumed from ``work`` if there is a checkpoint.
    learn
        One step: figures for the log.
    look
        What the averaged weights paint for the validation rows, and a picture of it (3, H, W) in [0, 1].
    guard
        Fresh; looks of an earlier start are told to it again from ``work/looks``.
    work
        ``checkpoint.safetensors``, ``best.safetensors``, ``progress.jsonl``, ``sheet-NNNNNN.png``.
    say
        Where progress goes.
    clock
        Seconds.

    Returns
    -------
    ``done``, ``time is up`` or ``stopped: ...`` with the guard's reason; then the tuner has the best look's weights.
    """
    checkpoint, best = work / "checkpoint.safetensors", work / "best.safetensors"
    began, stopped = clock(), work / "stopped.txt"
    if stopped.is_file():
        tuner.resume(best)
        return stopped.read_text(encoding="utf-8")
    if checkpoint.is_file():
        _go_on(tuner, checkpoint, guard, work, say)
    else:
        verdict = _look(tuner, look, guard, work, say)
        tuner.save(best)
        if verdict.action == "stop":
            return _stopped(stopped, verdict)
    while tuner.step < settings.steps:
        figures = learn()
        _log(tuner, work, {"step": tuner.step, **figures})
        if tuner.step % settings.every == 0 or tuner.step == settings.steps:
            say(f"step {tuner.step}/{settings.steps} " + " ".join(f"{k} {v:.4g}" for k, v in figures.items()))
            verdict = _look(tuner, look, guard, work, say)
            if verdict.best:
                tuner.save(best)
            waited = tuner.step - max(tuner.returned, guard.best.step if guard.best else 0)
            tired = settings.patience is not None and waited >= settings.patience * settings.every
            if verdict.action != "go on" or tired:
                _return_to(tuner, best, tuner.step)
                if verdict.action == "stop":
                    return _stopped(stopped, verdict)
                say(f"back to the best look at half the learning rate, now {tuner.rate:g} of what was set")
            tuner.save(checkpoint)
        if settings.minutes is not None and clock() - began > 60 * settings.minutes:
            tuner.save(checkpoint)
            return "time is up"
    return "done"


def _go_on(tuner: Tuner, checkpoint: Path, guard: Guard, work: Path, say: Callable[[str], None]) -> None:
    """Where an earlier start was, with the looks that its guard had seen."""
    tuner.resume(checkpoint)
    for earlier in read_looks(work):
        if earlier.step <= tuner.step:
            guard.judge(earlier)
    say(f"goes on after step {tuner.step}")


def _return_to(tuner: Tuner, best: Path, step: int) -> None:
    """The best look's averaged weights, at half the learning rate; steps are counted on."""
    rate = tuner.rate
    tuner.resume(best)
    tuner.rate, tuner.step = rate, step
    tuner.back_off(tuner.average)


def _look(
    tuner: Tuner, look: Callable[[int], tuple[Look, Tensor]], guard: Guard, work: Path, say: Callable[[str], None]
) -> Verdict:
    with tuner.at(tuner.average):
        seen, sheet = look(tuner.step)
    verdict = guard.judge(seen)
    figures = {
        "step": seen.step,
        "validation_reward": float(seen.reward.mean()),
        "monitor": float(seen.monitor.mean()),
        "diversity": seen.diversity,
        "guard": verdict.action,
        "reason": verdict.reason,
    }
    say(" ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{value}" for name, value in figures.items()))
    _log(tuner, work, figures)
    if tuner.accelerator.is_main_process:
        write_look(work, seen)
        save_sheet(sheet, work / f"sheet-{seen.step:06d}.png")
    return verdict


def _stopped(file: Path, verdict: Verdict) -> str:
    """Remembered, so that the same command does not train on."""
    reason = f"stopped: {verdict.reason}"
    file.write_text(reason, encoding="utf-8")
    return reason


def _log(tuner: Tuner, work: Path, row: dict[str, Any]) -> None:
    if not tuner.accelerator.is_main_process:
        return
    work.mkdir(parents=True, exist_ok=True)
    with (work / "progress.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(row) + "\n")


def save_sheet(sheet: Tensor, path: Path) -> None:
    """Write a picture (3, H, W) in [0, 1]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (sheet.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    Image.fromarray(pixels).save(path)


def write_look(work: Path, look: Look) -> None:
    """Keep a look beside the others, for a run that goes on later."""
    folder = work / "looks"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / f"{look.step:06d}.npz",
        step=look.step,
        reward=look.reward,
        monitor=look.monitor,
        diversity=look.diversity,
    )


def read_looks(work: Path) -> list[Look]:
    """Every look that was kept, in the order of steps."""
    found = []
    for path in sorted((work / "looks").glob("*.npz")):
        with np.load(path, allow_pickle=False) as kept:
            found.append(
                Look(
                    step=int(kept["step"]),
                    reward=kept["reward"],
                    monitor=kept["monitor"],
                    diversity=float(kept["diversity"]),
                )
            )
    return found


def take_best(parameters: Mapping[str, Tensor], work: Path) -> list[dict[str, float]]:
    """Put the averaged weights of a run's best look into ``parameters``; returns what it and the start showed."""
    file = work / "best.safetensors"
    best, kept = part_of(load_file(file), "average."), (0, step_of(file))
    with torch.no_grad():
        for name, weight in parameters.items():
            weight.copy_(best[name])
    return [
        {
            "step": each.step,
            "reward": float(each.reward.mean()),
            "monitor": float(each.monitor.mean()),
            "diversity": each.diversity,
        }
        for each in read_looks(work)
        if each.step in kept
    ]
