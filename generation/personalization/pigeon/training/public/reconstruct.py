"""Stage 1, masked preference reconstruction: the diffusion loss of clicked covers, in latents.

The model is asked to paint the cover that somebody clicked, from another cover of its item and from pictures of what
they had clicked before. A share of these is masked that is drawn for each row, with noise on the scores, so that other
masks are tried; the mask's sigmoid narrows as the training goes on. A tenth of the rows are told of no clicks: that is
the unpersonalised cover, and what guidance moves away from. Rows weigh 1 / propensity of what was shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from generation.alignment.guard import Look
from generation.alignment.monitor import pixel_diversity, structural_similarity
from generation.alignment.tuner import Tuner, TuneSettings
from generation.canvas import BUILT_IN, resized
from generation.diffusion.process import seeded_noise
from generation.personalization.pigeon.mask import gumbel
from generation.personalization.pigeon.public.masking import QUIET, Masking
from generation.personalization.pigeon.public.model import PigeonBatch, PublicPigeon
from generation.personalization.pigeon.training.public.album import Album
from generation.personalization.pigeon.training.public.clicked import Clicks
from generation.personalization.pigeon.training.public.latents import Places, answered, errors, noised
from generation.personalization.pigeon.training.reconstruct import RATIOS
from generation.types import CLICKED_COVERS
from jobs.lake.arrays import Flags, Floats, Ints

UNTOLD = 0.1
"""Share of the rows that are told of no clicks."""
LOOKED_AT = (0.2, 0.4, 0.6, 0.8)
"""Shares of the path, from its start, at which validation rows are measured."""


@dataclass(frozen=True, kw_only=True)
class ReconstructSettings(TuneSettings):
    """A run of reconstruction in latents."""

    sampler_steps: int = 1
    rows: int = 2
    steps: int = 600
    """Of the run: over them the mask's sigmoid narrows."""
    mask: bool = True
    """Whether anything is masked."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Covers to paint again."""

    batch: PigeonBatch
    clean: Tensor
    """(B, C, h, w) latents of the clicked covers."""
    weight: Tensor
    """(B,)"""


class TaskSampler:
    """Draws tasks by a key.

    Parameters
    ----------
    model
        Prepares prompts and encodes the covers; its weights do not matter.
    clicks, album
        Of the log, and their pictures.
    canvas
        Width and height of what is painted, pixels.
    settings
        Of the run.
    """

    def __init__(
        self, model: PublicPigeon, clicks: Clicks, album: Album, *, canvas: int, settings: ReconstructSettings
    ) -> None:
        self.model, self.clicks, self.album = model, clicks, album
        self.canvas, self.settings = canvas, settings

    def draw(self, key: int, tau: float) -> Task:
        """Rows of a key under masks with noise."""
        settings, rng = self.settings, np.random.default_rng((self.settings.seed, key))
        rows = rng.integers(len(self.clicks.clicks), size=settings.rows)
        ratio = rng.choice(RATIOS, settings.rows) if settings.mask else np.zeros(settings.rows)
        untold = rng.random(settings.rows) < UNTOLD
        source = torch.Generator().manual_seed(int(rng.integers(2**62)))
        noise = gumbel(torch.Size((settings.rows, CLICKED_COVERS)), source)
        return self.task(rows, untold, ratio, tau=tau, noise=noise)

    def task(
        self,
        rows: Ints,
        untold: Flags,
        ratio: Floats,
        *,
        tau: float = QUIET,
        noise: Tensor | None = None,
    ) -> Task:
        """Given clicks.

        Parameters
        ----------
        rows, untold, ratio
            (B,) which of the clicks, whether earlier ones are kept quiet about, and the share to mask.
        tau, noise
            Of the mask; noise (B, 8), or None.
        """
        chosen = [self.clicks.clicks[row] for row in rows]
        before = [() if quiet else click.before for click, quiet in zip(chosen, untold, strict=True)]
        most = max(map(len, before))
        device = self.model.device
        masking = Masking(
            ratio=torch.from_numpy(ratio.astype(np.float32)).to(device),
            tau=tau,
            noise=None if noise is None else noise[:, :most].to(device),
        )
        batch = self.model.batch(
            [click.title for click in chosen],
            self.album.covers(tuple(click.reference for click in chosen)),
            [self.album.covers(ids) for ids in before],
            masking=masking,
        )
        wanted = self.album.canvas([click.target for click in chosen], self.canvas)
        weight = torch.from_numpy(self.clicks.weight[rows])
        return Task(batch=batch, clean=self.model.generator.encode(wanted), weight=weight.to(device))


class Reconstruct(Tuner):
    """Learns to paint clicked covers again.

    Parameters
    ----------
    model
        What is trained.
    parameters
        What moves.
    settings
        Of the run.
    """

    settings: ReconstructSettings

    def __init__(
        self, model: PublicPigeon, parameters: Mapping[str, nn.Parameter], settings: ReconstructSettings
    ) -> None:
        super().__init__(parameters, settings)
        self.model = model

    @property
    def tau(self) -> float:
        """Width of the mask's sigmoid, from 1 to its last over the run."""
        done = min(1.0, self.step / max(1, self.settings.steps))
        return 1.0 + (QUIET - 1.0) * done

    def learn(self, draw: Callable[[int, float], Task]) -> dict[str, float]:
        """One step on the tasks of a key; returns the loss and the gradient's norm."""
        told = 0.0
        for turn in range(self.settings.accumulate):
            key = (self.step * self.settings.accumulate + turn) * self.accelerator.num_processes + self.rank
            task = draw(key, self.tau)
            shape = tuple(task.clean.shape[1:])
            places = Places.drawn(self.model.generator, len(task.clean), shape, self.settings.seed, key)
            loss = (task.weight * self.losses(task, places)).mean() / self.settings.accumulate
            self.accelerator.backward(loss)
            told += float(loss.detach())
        return {"loss": told, "gradient": self.descend()}

    def losses(self, task: Task, places: Places) -> Tensor:
        """(B,) diffusion losses of tasks at places of the path."""
        shown = noised(self.model.generator, task.clean, places)
        with self.autocast():
            said = self.model(task.batch)
            answer = answered(self.model.generator, shown, said, checkpointing=self.settings.checkpointing)
        return errors(shown, answer.float())


class ReconstructWatch:
    """Fixed clicks of validation users: minus the loss, and how near what is painted is to what was clicked.

    Parameters
    ----------
    tuner
        With the weights of the moment.
    sampler
        Of validation clicks.
    rows
        How many of them.
    steps
        Of the pipeline's scheduler.
    """

    def __init__(self, tuner: Reconstruct, sampler: TaskSampler, *, rows: int, steps: int) -> None:
        self.tuner, self.steps = tuner, steps
        chosen = np.linspace(0, len(sampler.clicks.clicks) - 1, rows).round().astype(np.int64)
        ratio = np.full(rows, tuner.model.config.mask_ratio)
        self.tasks = [
            sampler.task(chosen[row : row + 1], np.zeros(1, bool), ratio[row : row + 1]) for row in range(rows)
        ]
        clicks = [sampler.clicks.clicks[row] for row in chosen]
        self.references, self.targets = (
            sampler.album.canvas([getattr(click, name) for click in clicks], 64) for name in ("reference", "target")
        )
        self.canvas = sampler.canvas

    @torch.no_grad()
    def __call__(self, step: int) -> tuple[Look, Tensor]:
        """The look, and a sheet: references, pictures, what was clicked."""
        painted = torch.stack([self._painted(row, task) for row, task in enumerate(self.tasks)])
        look = Look(
            step=step,
            reward=np.array([-self._loss(row, task) for row, task in enumerate(self.tasks)]),
            monitor=structural_similarity(painted, self.targets).double().numpy(),
            diversity=pixel_diversity(painted, torch.zeros(len(painted), dtype=torch.int64)),
        )
        rows = [self.references, painted, self.targets]
        return look, torch.cat([row.permute(1, 2, 0, 3).flatten(2) for row in rows], dim=1)

    def _loss(self, row: int, task: Task) -> float:
        """Mean over places of the path; their noise is always the same."""
        generator = self.tuner.model.generator
        found = []
        for place in LOOKED_AT:
            noise = seeded_noise(tuple(task.clean.shape), row, round(100 * place))
            step = torch.tensor([int(place * generator.train_steps)])
            found.append(float(self.tuner.losses(task, Places(step=step, noise=noise))))
        return float(np.mean(found))

    def _painted(self, row: int, task: Task) -> Tensor:
        """(3, 64, 64) in [0, 1]."""
        with self.tuner.autocast():
            painted = self.tuner.model.paint(task.batch, seeds=[row], steps=self.steps, size=(self.canvas, self.canvas))
        return torch.from_numpy(resized(painted, BUILT_IN[0])[0]).permute(2, 0, 1).float() / 255
