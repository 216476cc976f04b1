"""Tune the writer by reward: ``coverlift train title-tuning``, over the tables of a night up to its features.

Titles of training items for the night's words groups are written, judged by the group's words taste
and the checks, and compared (:mod:`grpo`). Validation items choose the step to keep, under a guard
that no reward enters: the bits a byte of titles that people clicked. Killed at any time, the same
command goes on from its last look.
"""

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from conf.command_line import told
from conf.errors import UsageError
from generation.personalization.dppmg.titles.checkpoint import SHIPPED, load_writer, ship, writer_fingerprint
from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.groups import group_parts, prompt_codes
from generation.personalization.dppmg.titles.material import Material, read_material, told_night
from generation.personalization.dppmg.titles.public.store import is_public
from generation.personalization.dppmg.titles.training.clicks import ClickedTitle, clicked_titles
from generation.personalization.dppmg.titles.training.grpo import GrpoSettings, Tuning
from generation.personalization.dppmg.titles.training.train import bits_a_byte
from generation.personalization.dppmg.titles.writer import Asked, Writer
from generation.training_state import (
    load_optimizer,
    optimizer_state,
    part_of,
    read_checkpoint,
    same_run,
    write_checkpoint,
)
from jobs.lake.context import Context

LOOKED_AT = 16
"""Validation items whose greedy titles for every group are judged."""
WATCHED = 192
"""Clicked titles of validation items that the guard's bits a byte are told of."""
MORE_BITS = 1.3
"""Times as many bits a byte as before at which a look no longer counts."""
FEWER_PASS = 0.02
"""Share by which fewer greedy titles may pass the checks."""


@dataclass(frozen=True)
class TuningLook:
    """What validation items show at a step."""

    step: int
    reward: float
    """Mean personal reward of greedy titles, those that fail a check at their penalty."""
    passed: float
    bits: float

    def may_stay(self, first: "TuningLook") -> bool:
        """Whether the guard lets it count, beside the look before the tuning."""
        return self.bits <= MORE_BITS * first.bits and self.passed >= first.passed - FEWER_PASS


class Prompts:
    """Items and groups to write for.

    Parameters
    ----------
    content
        Of the items.
    groups
        Ids of words groups.
    """

    def __init__(self, content: Sequence[TitleContent], groups: Sequence[str]) -> None:
        parted = [(group, *group_parts(group)) for group in groups]
        self.pairs = [
            (one, group, Asked(one, language, prompt_codes(code)))
            for one in content
            for group, language, code in parted
            if language in one.labels
        ]

    def draw(self, step: int, count: int, seed: int) -> list[tuple[TitleContent, str, Asked]]:
        """Pairs of a step, the same whenever it is asked for."""
        generator = np.random.default_rng([seed, step])
        return [self.pairs[at] for at in generator.integers(0, len(self.pairs), count)]


def take_look(
    step: int,
    model: LlamaForCausalLM,
    material: Material,
    watched: Prompts,
    real: Sequence[ClickedTitle],
    writer: Writer,
) -> TuningLook:
    """Judge greedy titles of the watched prompts."""
    asked = [one for _, _, one in watched.pairs]
    titles = Writer(model, writer.tokenizer).write(asked)
    judged = [
        material.reward.judge(found[0], content, group, one.language)
        for found, (content, group, one) in zip(titles, watched.pairs, strict=True)
    ]
    return TuningLook(
        step=step,
        reward=float(np.mean([one.total for one in judged])),
        passed=float(np.mean([not one.failed for one in judged])),
        bits=bits_a_byte(model, writer.tokenizer, real),
    )


class Tuned:
    """A tuning that can be killed: what moves, the first and the best look.

    Parameters
    ----------
    tuning
        What learns.
    work
        Folder of the checkpoint.
    """

    def __init__(self, tuning: Tuning, work: Path) -> None:
        self.tuning, self.file = tuning, work / "tuning.safetensors"
        self.looks: list[TuningLook] = []
        self.best: dict[str, Tensor] = {}

    @property
    def moving(self) -> dict[str, Tensor]:
        """What is trained, by name."""
        return {name: weight for name, weight in self.tuning.model.named_parameters() if weight.requires_grad}

    @property
    def best_look(self) -> TuningLook:
        """The look that is kept: of those that the guard lets count the one of greatest reward, the first of equals."""
        return max((look for look in self.looks if look.may_stay(self.looks[0])), key=lambda look: look.reward)

    def seen(self, look: TuningLook) -> bool:
        """Take note of a look; whether it is the best so far."""
        better = not self.looks or (look.may_stay(self.looks[0]) and look.reward > self.best_look.reward)
        self.looks.append(look)
        if better:
            self.best = {name: weight.detach().clone() for name, weight in self.moving.items()}
        return better

    def save(self, step: int) -> None:
        """Write the checkpoint."""
        tensors = {f"moving.{name}": weight.detach() for name, weight in self.moving.items()}
        tensors |= {f"best.{name}": weight for name, weight in self.best.items()}
        tensors |= optimizer_state(self.tuning.optimizer, "adam")
        tensors["generator"] = self.tuning.generator.get_state()
        looks = json.dumps([asdict(look) for look in self.looks])
        tensors["looks"] = torch.tensor(list(looks.encode()), dtype=torch.uint8)
        write_checkpoint(self.file, tensors, {"step": str(step), "settings": repr(self.tuning.settings)})

    def resume(self) -> int:
        """Go on from the checkpoint if there is one; the step."""
        if not self.file.is_file():
            return 0
        tensors, step = read_checkpoint(self.file, self.tuning.settings, elsewhere="give another --work")
        self._take(part_of(tensors, "moving."))
        load_optimizer(self.tuning.optimizer, tensors, "adam")
        self.tuning.generator.set_state(tensors["generator"])
        self.tuning.steps, self.best = step, part_of(tensors, "best.")
        self.looks = [TuningLook(**look) for look in json.loads(bytes(tensors["looks"].tolist()))]
        return step

    def take_best(self) -> None:
        """Put the best look's weights in place."""
        self._take(self.best)

    @torch.no_grad()
    def _take(self, weights: dict[str, Tensor]) -> None:
        for name, weight in self.moving.items():
            weight.copy_(weights[name])


@dataclass(frozen=True, kw_only=True)
class TitleTuning:
    """Options of :func:`tune_titles`."""

    date: str
    """Day of the training, for the manifest: YYYY-MM-DD."""
    start: Path
    """Folder of the supervised writer."""
    out: Path = SHIPPED
    """Folder of the tuned writer."""
    work: Path = Path("var/title-tuning")
    """Folder of checkpoint and progress."""
    minutes: float | None = None
    """Time of this start; the same command goes on afterwards."""
    threads: int = 1
    """CPU threads."""
    seed: int = 43
    """Of prompts and samples."""
    every: int = 20
    """Steps between looks at validation items."""
    tuning: GrpoSettings = field(default=GrpoSettings())


def tune(
    tuned: Tuned,
    material: Material,
    options: TitleTuning,
    *,
    writer: Writer,
    real: Sequence[ClickedTitle],
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Tune or go on; returns ``done`` or ``time is up``. What moves is the best look's afterwards."""
    began, settings, tuning = clock(), options.tuning, tuned.tuning
    groups = sorted(set(material.groups) - {""})
    learned = Prompts(material.of_split("train"), groups)
    validation = material.of_split("validation")
    watched = Prompts(validation[:: max(len(validation) // LOOKED_AT, 1)], groups)
    step = tuned.resume()
    if not tuned.looks:
        tuned.seen(take_look(0, writer.model, material, watched, real, writer))
        say(str(tuned.looks[0]))
    while step < settings.tuning_steps:
        pairs = learned.draw(step, settings.prompts, options.seed)
        rows, length, texts = tuning.sample([asked for _, _, asked in pairs])
        sampled = [pair for pair in pairs for _ in range(settings.samples)]
        judged = [
            material.reward.judge(text, content, group, asked.language)
            for text, (content, group, asked) in zip(texts, sampled, strict=True)
        ]
        rewards = np.array([one.total for one in judged]).reshape(settings.prompts, settings.samples)
        figures = tuning.learn(rows, length, rewards)
        step += 1
        if step % options.every == 0 or step == settings.tuning_steps:
            look = take_look(step, tuning.merged(), material, watched, real, writer)
            better = tuned.seen(look)
            line = {**asdict(look), **figures, "best": better, "seconds": round(clock() - began, 1)}
            with (options.work / "progress.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            say(" ".join(f"{name} {value:.4g}" for name, value in line.items()))
            tuned.save(step)
        if options.minutes is not None and clock() - began > 60 * options.minutes:
            tuned.save(step)
            tuned.take_best()
            return "time is up"
    tuned.take_best()
    return "done"


def tune_titles(ctx: Context, options: TitleTuning) -> None:
    """Tune or resume, then ship the writer."""
    torch.set_num_threads(options.threads)
    if options.start.resolve() == options.out.resolve():
        raise UsageError("--start and --out are one folder: the tuned writer would replace what it began from")
    if is_public(options.start):
        raise UsageError("--start is over a public language model: only the built-in writer is tuned by reward")
    writer, codes = load_writer(options.start)
    material = read_material(ctx, codes)
    about = {"start": writer_fingerprint(options.start), "tuning": asdict(options.tuning), "ds": ctx.ds.isoformat()}
    same_run(options.work, about)
    tuned = Tuned(Tuning(writer, options.tuning, options.seed), options.work)
    real = clicked_titles(material.events, material.tastes, codes, material.content, "validation")[:WATCHED]
    outcome = tune(tuned, material, options, writer=writer, real=real, say=partial(print, flush=True))
    print(outcome)
    ship(
        options.out,
        Writer(tuned.tuning.merged(), writer.tokenizer),
        codes,
        {
            "command": told("coverlift train title-tuning", options),
            "date": options.date,
            "hardware": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
            "data": f"{told_night(ctx)}: its words groups, training items",
            "outcome": outcome,
            "validation": [asdict(tuned.looks[0]), asdict(tuned.best_look)],
            **about,
            "started_from": json.loads((options.start / "manifest.json").read_text(encoding="utf-8")),
        },
    )
