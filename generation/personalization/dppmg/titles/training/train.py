"""Train the writer of titles: ``coverlift train titles``, over the tables of a night up to its features.

Supervised, from nothing; or, with ``--profile dppmg-production`` (``dppmg.writer``), over a public language model, of
which words codes and low-rank weights move alone: the titles that training users clicked on training items. Stops by
the bits a byte of clicked titles of validation items. Killed at any time, or ended by ``--minutes``, the
same command goes on from its last checkpoint.
"""

import json
import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

from conf.command_line import told
from conf.errors import UsageError
from conf.settings import Settings
from generation.personalization.dppmg.titles.checkpoint import SHIPPED, ship
from generation.personalization.dppmg.titles.groups import prompt_codes
from generation.personalization.dppmg.titles.material import Material, read_material, told_night
from generation.personalization.dppmg.titles.public.network import open_base
from generation.personalization.dppmg.titles.public.store import ship_public
from generation.personalization.dppmg.titles.tokenizer import PADDING, Prompting, TitleTokenizer, train_tokenizer
from generation.personalization.dppmg.titles.training.clicks import (
    ClickedTitle,
    ClickSampler,
    Syllables,
    clicked_titles,
    coded,
)
from generation.personalization.dppmg.titles.writer import Asked, Writer, new_model, title_logits
from generation.training_state import (
    load_optimizer,
    optimizer_state,
    part_of,
    read_checkpoint,
    same_run,
    set_rate,
    write_checkpoint,
)
from jobs.lake.context import Context
from reward_model.precision import autocast, compute_dtype

IGNORED = -100
WATCHED = 384
"""Clicked titles of validation items that bits a byte are told of."""
COPIED = 48
"""Validation items whose greedy titles are looked at for their label."""


@dataclass(frozen=True, kw_only=True)
class WritingSettings:
    """How the writer is trained."""

    seed: int = 41
    """Of weights and batches."""
    steps: int = 800
    """Optimiser steps in all."""
    rows: int = 40
    """Titles a step."""
    learning_rate: float = 2e-3
    """Highest; warmed up over 60 steps, then a cosine down to a twentieth."""
    nonsense: float = 1 / 3
    """Share of rows with random syllables."""
    every: int = 50
    """Steps between looks at validation items."""
    patience: int = 6
    """Looks in a row without a better one after which it stops."""
    bf16: bool = False
    """Bfloat16 autocast, where the processor multiplies it in hardware."""


def tokenizer_of(material: Material, rows: Sequence[ClickedTitle]) -> TitleTokenizer:
    """A tokenizer of labels and words of training items, and of clicked titles."""
    texts = [
        text
        for one in material.of_split("train")
        for language in sorted(one.labels)
        for text in (one.labels[language], *one.words.get(language, ()))
    ]
    return TitleTokenizer(train_tokenizer([*texts, *sorted({row.title for row in rows})], material.languages))


def batch_tensors(batch: Sequence[tuple[list[int], list[int]]], padding: int) -> tuple[Tensor, Tensor]:
    """Prompts padded on the left and titles on the right, as one (B, P + T), and (B, T) what is to be said."""
    prompts, titles = max(len(prompt) for prompt, _ in batch), max(len(title) for _, title in batch)
    rows = torch.full((len(batch), prompts + titles), padding)
    wanted = torch.full((len(batch), titles), IGNORED)
    for number, (prompt, title) in enumerate(batch):
        rows[number, prompts - len(prompt) : prompts] = torch.tensor(prompt)
        rows[number, prompts : prompts + len(title)] = torch.tensor(title)
        wanted[number, : len(title)] = torch.tensor(title)
    return rows, wanted


def title_loss(model: PreTrainedModel, batch: Sequence[tuple[list[int], list[int]]], padding: int) -> Tensor:
    """(B,) nats of each title, its end included, given its prompt."""
    rows, wanted = (part.to(model.device) for part in batch_tensors(batch, padding))
    logits = title_logits(model, rows, padding, wanted.shape[1]).float()
    lost = functional.cross_entropy(logits.transpose(1, 2), wanted, ignore_index=IGNORED, reduction="none")
    return lost.sum(dim=1)


@torch.no_grad()
def bits_a_byte(model: PreTrainedModel, tokenizer: Prompting, rows: Sequence[ClickedTitle]) -> float:
    """Bits of the titles over their bytes of UTF-8, each with one byte for its end."""
    model.eval()
    nats, size = 0.0, 0
    for start in range(0, len(rows), 64):
        part = rows[start : start + 64]
        batch = [coded(tokenizer, row, row.code) for row in part]
        nats += float(title_loss(model, batch, tokenizer.id_of(PADDING)).sum())
        size += sum(len(row.title.encode()) + 1 for row in part)
    return nats / math.log(2) / size


def rate_at(step: int, settings: WritingSettings) -> float:
    """Learning rate of a step: warm-up, then a cosine.

    Examples
    --------
    >>> settings = WritingSettings(steps=1060, learning_rate=1.0)
    >>> rate_at(29, settings), round(rate_at(560, settings), 3), round(rate_at(1060, settings), 3)
    (0.5, 0.525, 0.05)
    """
    warm = min(60, settings.steps // 2)
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    done = (step - warm) / max(settings.steps - warm, 1)
    return settings.learning_rate * (0.05 + 0.95 * (1 + math.cos(math.pi * min(done, 1))) / 2)


class Run:
    """A training that can be killed: network, optimiser, best look, and where it stands.

    Parameters
    ----------
    model
        Its weights with a gradient move.
    settings, work
        How, and the folder of the checkpoint.
    undecayed
        A table of which only some rows have a gradient: weight decay would move the others.
    """

    def __init__(
        self, model: PreTrainedModel, settings: WritingSettings, work: Path, *, undecayed: nn.Parameter | None = None
    ) -> None:
        self.model, self.settings, self.work = model, settings, work
        moving = [weight for weight in model.parameters() if weight.requires_grad]
        groups: list[dict[str, Any]] = [{"params": [weight for weight in moving if weight is not undecayed]}]
        if undecayed is not None:
            groups.append({"params": [undecayed], "weight_decay": 0.0})
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.95), weight_decay=0.05)
        self.step, self.best, self.best_step = 0, math.inf, 0
        self._best: dict[str, Tensor] = {}

    @property
    def checkpoint(self) -> Path:
        """Where it is kept."""
        return self.work / "checkpoint.safetensors"

    def weights(self) -> dict[str, Tensor]:
        """Current weights of what moves, copied; the tied output is left out."""
        named = self.model.named_parameters()
        return {name: weight.detach().clone() for name, weight in named if weight.requires_grad}

    def resume(self) -> bool:
        """Go on from the checkpoint if there is one."""
        if not self.checkpoint.is_file():
            return False
        tensors, self.step = read_checkpoint(self.checkpoint, self.settings, elsewhere="give another --work")
        self.model.load_state_dict(part_of(tensors, "model."), strict=False)
        load_optimizer(self.optimizer, tensors, "adam")
        self._best = part_of(tensors, "best.")
        self.best, self.best_step = float(tensors["look"][0]), int(tensors["look"][1])
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        tensors = {f"model.{name}": weight for name, weight in self.weights().items()}
        tensors |= {f"best.{name}": weight for name, weight in self._best.items()}
        tensors |= optimizer_state(self.optimizer, "adam")
        tensors["look"] = torch.tensor([self.best, self.best_step], dtype=torch.float64)
        write_checkpoint(self.checkpoint, tensors, {"step": str(self.step), "settings": repr(self.settings)})

    def look(self, value: float) -> None:
        """Remember the weights if they are the best so far."""
        if value < self.best:
            self.best, self.best_step, self._best = value, self.step, self.weights()

    @property
    def tired(self) -> bool:
        """Whether it has waited too long for a better look."""
        return self.step - self.best_step >= self.settings.patience * self.settings.every

    def take_best(self) -> None:
        """Put the best look's weights into the network."""
        self.model.load_state_dict(self._best, strict=False)


def learn(run: Run, sampler: ClickSampler, padding: int) -> float:
    """One optimiser step; returns nats a token."""
    batch = sampler.batch(run.step, run.settings.rows)
    run.model.train()
    set_rate(run.optimizer, rate_at(run.step, run.settings))
    device = run.model.device
    with autocast(device, compute_dtype(device) if run.settings.bf16 else torch.float32):
        lost = title_loss(run.model, batch, padding)
    loss = lost.sum() / sum(len(title) for _, title in batch)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    run.optimizer.step()
    run.step += 1
    return float(loss.detach())


def copied_share(writer: Writer, rows: Sequence[ClickedTitle]) -> float:
    """Share of greedy titles with their item's whole label, for some rows."""
    chosen = rows[:COPIED]
    titles = writer.write([Asked(row.content, row.language, prompt_codes(row.code)) for row in chosen])
    has = [row.content.labels[row.language] in found[0] for row, found in zip(chosen, titles, strict=True)]
    return float(np.mean(has))


def train(
    run: Run,
    sampler: ClickSampler,
    watched: Sequence[ClickedTitle],
    tokenizer: Prompting,
    *,
    minutes: float | None,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Train or go on; returns ``done``, ``no better for long`` or ``time is up``.

    The network has the best look's weights afterwards.
    """
    began, padding = clock(), tokenizer.id_of(PADDING)
    if run.resume():
        say(f"goes on after step {run.step}")
    outcome, losses = "done", []
    while run.step < run.settings.steps:
        losses.append(learn(run, sampler, padding))
        if run.step % run.settings.every == 0 or run.step == run.settings.steps:
            bits = bits_a_byte(run.model, tokenizer, watched)
            run.look(bits)
            row = {
                "step": run.step,
                "loss": float(np.mean(losses)),
                "validation_bits_a_byte": bits,
                "copied": copied_share(Writer(run.model, tokenizer), watched),
                "seconds": round(clock() - began, 1),
            }
            losses = []
            with (run.work / "progress.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")
            say(" ".join(f"{name} {value:.4g}" for name, value in row.items()))
            run.save()
            if run.tired:
                outcome = "no better for long"
                break
        if minutes is not None and clock() - began > 60 * minutes:
            run.save()
            outcome = "time is up"
            break
    if run.best_step:
        run.take_best()
    return outcome


@dataclass(frozen=True, kw_only=True)
class TitleTraining:
    """Options of :func:`train_titles`."""

    date: str
    """Day of the training, for the manifest: YYYY-MM-DD."""
    out: Path | None = None
    """Folder of the writer; None: what ships, or over a public language model what titles.writer names."""
    work: Path = Path("var/titles")
    """Folder of checkpoint and progress."""
    minutes: float | None = None
    """Time of this start; the same command goes on afterwards."""
    threads: int = 1
    """CPU threads."""
    writing: WritingSettings = WritingSettings()


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A writer before training."""

    run: Run
    tokenizer: Prompting
    about: dict[str, Any]
    """What it is made of."""
    ship: Callable[[Path, dict[str, Any]], None]
    """Writes the weights of the moment to a folder, with facts for the manifest."""


def beginning_of(ctx: Context, options: TitleTraining, material: Material, rows: Sequence[ClickedTitle]) -> Beginning:
    """The writer that settings ask for: over a public language model where ``dppmg.writer`` names one, else a new one.

    Raises
    ------
    UsageError
        The language model is not here.
    """
    settings, dppmg = options.writing, ctx.settings.dppmg
    if dppmg.writer is None:
        tokenizer = tokenizer_of(material, rows)
        run = Run(new_model(tokenizer, settings.seed), settings, options.work)

        def write(folder: Path, facts: dict[str, Any]) -> None:
            ship(folder, Writer(run.model, tokenizer), material.codes, facts)

        return Beginning(run=run, tokenizer=tokenizer, about={}, ship=write)
    torch.manual_seed(settings.seed)
    base: dict[str, Any] = {"source": dppmg.writer, "rank": dppmg.writer_rank, "allow_download": dppmg.allow_download}
    network = open_base(**base)
    model = network.model.to("cuda" if torch.cuda.is_available() else "cpu")

    def write_public(folder: Path, facts: dict[str, Any]) -> None:
        ship_public(folder, network, material.codes, base, facts)

    return Beginning(
        run=Run(model, settings, options.work, undecayed=network.table),
        tokenizer=network.tokenizer,
        about={"bases": network.bases, "rank": dppmg.writer_rank},
        ship=write_public,
    )


def place_of(settings: Settings) -> Path:
    """Where the night looks for what is trained; the built-in writer's folder is not for another kind of writer."""
    if settings.dppmg.writer is None:
        return SHIPPED
    if settings.titles.writer is None:
        raise UsageError("titles.writer names no folder for a writer over a public model: set it, or give --out")
    return Path(settings.titles.writer)


def train_titles(ctx: Context, options: TitleTraining) -> None:
    """Train or resume, then ship the writer."""
    torch.set_num_threads(options.threads)
    settings, material, out = options.writing, read_material(ctx), options.out or place_of(ctx.settings)
    rows, watched = (
        clicked_titles(material.events, material.tastes, material.codes, material.content, split)
        for split in ("train", "validation")
    )
    beginning = beginning_of(ctx, options, material, rows)
    run, tokenizer = beginning.run, beginning.tokenizer
    about = {
        "settings": asdict(settings),
        "ds": ctx.ds.isoformat(),
        "rows": len(rows),
        "tokenizer": tokenizer.fingerprint,
        "codes": material.codes.fingerprint,
        **beginning.about,
    }
    same_run(options.work, about)
    sampler = ClickSampler(rows, tokenizer, Syllables(material.labels()), share=settings.nonsense, seed=settings.seed)
    order = np.random.default_rng(settings.seed).permutation(len(watched))[:WATCHED]
    outcome = train(
        run,
        sampler,
        [watched[at] for at in order],
        tokenizer,
        minutes=options.minutes,
        say=partial(print, flush=True),
    )
    print(outcome)
    beginning.ship(
        out,
        {
            "command": told("coverlift train titles", options),
            "date": options.date,
            "hardware": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
            "data": f"{told_night(ctx)}: titles that training users clicked on training items, {len(rows):,} rows",
            "outcome": outcome,
            "steps": run.best_step,
            "validation_bits_a_byte": run.best,
            **about,
        },
    )
