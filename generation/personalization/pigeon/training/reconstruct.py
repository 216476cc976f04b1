"""Second part of Pigeon's training, the paper's stage 1: masked preference reconstruction, through the painter.

No label: a drawing is to be found again, in one step, from another drawing of its subject and a history. Half of the
rows are clicks of the log: the target is the drawing that a training user clicked, of a training item that they had not
been shown before their history ends; a row weighs 1 / propensity of what was shown, cut at the 99th percentile, because
four impressions of five show the original and unweighted it would learn to paint originals. The other half are made-up
users, and the target is the drawing in the family that they truly like best (left out with ``--simulated 0``). A share
of the history and of the reference's places is masked, so that less of one has to be made up for by the other.

What is asked of the picture (``asks``):

- ``choice`` (default): that among all drawings of its subject the clicked one is nearest to it in style. With ``s``
  that drawing's share in a softmax over cosines of style vectors the loss is :math:`(1 - s^q) / q`, the generalised
  cross entropy (Zhang and Sabuncu, NeurIPS 2018): q towards 0 is the likelihood that the paper's cross-entropy over
  picture tokens is, but most clicks are for the subject and not for the look, and a likelihood punishes a picture that
  is decided and for once wrong so much that it learns to be undecided; q = 1 counts only how often it is right. An
  anchor keeps the picture near what the start point paints.
- ``pixels``: the clicked drawing itself, by pixels, perceptual features and grain. Which drawing somebody clicks is far
  from certain, and of a squared error over uncertain targets the least is at what they have in common: such a training
  learns to hand the reference back (``docs/experiments/2026-11-30_pigeon-painted.md``). Kept for comparison.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.alignment.guard import Look
from generation.alignment.monitor import nearest_drawing, pixel_diversity
from generation.alignment.tuner import Tuner, TuneSettings
from generation.diffusion.bridge import noise_of
from generation.diffusion.process import seeded_noise
from generation.diffusion.training.data import Bends, Drawings, planes_of
from generation.diffusion.training.losses import PerceptualLoss, grain, pixel_loss
from generation.personalization.pigeon.training.painting import HistoryBatch, PigeonPainting
from generation.personalization.pigeon.training.simulated import Crowd
from generation.personalization.places import picture_places
from jobs.lake.arrays import Floats32, Ints
from jobs.lake.schema.columns import STYLE_DIM

RATIOS = (0.0, 0.2, 0.4, 0.6)
"""Of clicks masked."""
TRUSTED_PERCENTILE = 99.0
"""At which weights by propensity are cut."""


@dataclass(frozen=True, kw_only=True)
class ReconstructSettings(TuneSettings):
    """A run of reconstruction."""

    sampler_steps: int = 1
    rows: int = 12
    simulated: float = 0.5
    """Share of the rows that are made-up users."""
    asks: Literal["choice", "pixels"] = "choice"
    temperature: float = 0.2
    """Of the softmax over cosines of style."""
    robust: float = 0.7
    """q of the generalised cross entropy: how little a click that means nothing counts."""
    anchor: float = 10.0
    """Weight of the mean squared distance to what the start point paints, for ``choice``."""
    perceptual: float = 1.0
    grain: float = 6.0


@dataclass(frozen=True, kw_only=True)
class Clicked:
    """Clicks of the log: rows of histories, and of drawings."""

    row: Ints
    """(C,) of the history."""
    target: Ints
    """(C,) of the clicked drawing."""
    reference: Ints
    """(C,) of the original; where that was clicked, of another."""
    weight: Floats32
    """(C,) of :func:`propensity_weights`."""


def propensity_weights(propensity: Sequence[float] | Floats32) -> Floats32:
    """1 / propensity, cut at the 99th percentile, with mean 1.

    Examples
    --------
    >>> propensity_weights([0.5, 0.25, 0.25]).tolist()
    [0.6000000238418579, 1.2000000476837158, 1.2000000476837158]
    """
    raw = 1 / np.maximum(np.asarray(propensity, np.float64), 1e-6)
    cut = np.minimum(raw, np.percentile(raw, TRUSTED_PERCENTILE))
    return np.asarray(cut / cut.mean(), np.float32)


@dataclass(frozen=True, kw_only=True)
class Task:
    """Rows to paint again."""

    batch: HistoryBatch
    target: Tensor
    """(B, 3, 64, 64) in [-1, 1], bent to the reference's outlines where that is known."""
    weight: Tensor
    """(B,)"""
    styles: Tensor
    """(B, F, 32) style of every drawing of the row's subject."""
    drawn: Tensor
    """(B, F) bool: whether there is one."""
    chosen: Tensor
    """(B,) which of them is the target."""


class TaskSampler:
    """Draws rows by a key.

    Parameters
    ----------
    drawings
        Of training subjects.
    text
        (S, 384) sentence embedding of each subject's title.
    histories, preferences
        (R, 48, 165) and (R, 160) that ``clicked`` points into.
    clicked
        Clicks of the log.
    crowd
        Made-up users.
    bends
        How drawings are bent to one another; None leaves them as they are.
    backbone
        Sees the references.
    settings
        Of the run.
    """

    def __init__(
        self,
        drawings: Drawings,
        text: Tensor,
        histories: Floats32,
        preferences: Floats32,
        clicked: Clicked,
        crowd: Crowd,
        bends: Bends | None,
        backbone: Any,
        settings: ReconstructSettings,
    ) -> None:
        self.drawings, self.text, self.bends, self.backbone = drawings, text, bends, backbone
        self.histories, self.preferences, self.clicked = histories, preferences, clicked
        self.crowd, self.settings = crowd, settings
        self.rows_of = np.full((len(drawings.codes), len(drawings.families)), -1)
        self.rows_of[drawings.subject, drawings.family] = np.arange(len(drawings.family))

    def draw(self, key: int) -> Task:
        """The rows of a key."""
        settings, rng = self.settings, np.random.default_rng((self.settings.seed, key))
        made_up = round(settings.simulated * settings.rows)
        places = rng.integers(len(self.clicked.row), size=settings.rows - made_up)
        rows = self.clicked.row[places]
        history, preference = [*self.histories[rows]], [*self.preferences[rows]]
        target, reference = [*self.clicked.target[places]], [*self.clicked.reference[places]]
        if made_up:
            crowd = self.crowd.draw(key, made_up)
            history += [*crowd.history]
            preference += [*crowd.preference]
            for taste in crowd.taste:
                wanted, other = self._drawn_for(taste, rng)
                target.append(wanted)
                reference.append(other)
        weight = np.concatenate([self.clicked.weight[places], np.ones(made_up, np.float32)])
        return self.task(np.array(reference), np.array(target), np.stack(history), np.stack(preference), weight, rng)

    def _drawn_for(self, taste: Floats32, rng: np.random.Generator) -> tuple[int, int]:
        """A drawing in the family liked best, of a subject that has one, and another of that subject."""
        family = int(taste.argmax())
        while True:
            rows = self.rows_of[rng.integers(len(self.rows_of))]
            others = np.flatnonzero((rows >= 0) & (np.arange(len(rows)) != family))
            if rows[family] >= 0 and len(others):
                return int(rows[family]), int(rows[rng.choice(others)])

    def task(
        self,
        reference: Ints,
        target: Ints,
        history: Floats32,
        preference: Ints,
        weight: Floats32,
        rng: np.random.Generator,
    ) -> Task:
        """Rows of drawings as a batch."""
        drawings, count = self.drawings, len(reference)
        pictures, wanted = planes_of(drawings.pixels[reference]), planes_of(drawings.pixels[target])
        trust = torch.ones(count)
        if self.bends is not None:
            wanted, trust = self.bends(reference, target, wanted)
        places = picture_places(self.backbone, (pictures + 1) / 2)
        subject = drawings.subject[reference]
        zeros = torch.zeros(count, 128)
        batch = HistoryBatch(
            reference=pictures,
            text=self.text[subject],
            places=places,
            preference=torch.from_numpy(preference.astype(np.float32)),
            reference_embeddings=zeros,
            text_embeddings=zeros,
            item_ids=[drawings.codes[each] for each in subject],
            whom=[""] * count,
            titles=[""] * count,
            history=torch.from_numpy(history.astype(np.float32)),
            ratio=torch.from_numpy(rng.choice(RATIOS, count).astype(np.float32)),
            unseen=torch.from_numpy(rng.random((count, places.shape[1])) < rng.uniform(0, 1, (count, 1)) * 0.6),
        )
        rows = self.rows_of[subject]
        return Task(
            batch=batch,
            target=wanted,
            weight=torch.from_numpy(weight.astype(np.float32)) * (trust if self.settings.asks == "pixels" else 1),
            styles=torch.from_numpy(drawings.look[rows, -STYLE_DIM:]),
            drawn=torch.from_numpy(rows >= 0),
            chosen=torch.from_numpy(drawings.family[target].astype(np.int64)),
        )


class Reconstruct(Tuner):
    """Paints targets again.

    Parameters
    ----------
    painting
        Pigeon over its painter.
    parameters
        What moves.
    perceptual
        Of the image encoder.
    style
        (B, 3, 64, 64) in [0, 1] to (B, 32): styles of pictures, as those of the drawings were found.
    settings
        Of the run.
    """

    settings: ReconstructSettings

    def __init__(
        self,
        painting: PigeonPainting,
        parameters: Mapping[str, nn.Parameter],
        perceptual: PerceptualLoss,
        style: Callable[[Tensor], Tensor],
        settings: ReconstructSettings,
    ) -> None:
        super().__init__(parameters, settings)
        self.painting, self.perceptual, self.style = painting, perceptual, style

    def learn(self, draw: Callable[[int], Task]) -> dict[str, float]:
        """One step; returns the losses."""
        task, settings = draw(self.step), self.settings
        noise = seeded_noise((len(task.batch), *self.painting.shape), settings.seed, self.step)
        found = self.losses(task, noise)
        total = (task.weight * found["asked"]).mean()
        self.accelerator.backward(total)
        told = {name: float(each.detach().mean()) for name, each in found.items()}
        return {"loss": float(total.detach()), **told, "gradient": self.descend()}

    def losses(self, task: Task, noise: Tensor) -> dict[str, Tensor]:
        """(B,) each; ``asked`` is what is learned from."""
        settings = self.settings
        with self.autocast():
            painted = self.paint(task.batch, noise)
        if settings.asks == "choice":
            with torch.no_grad(), self.autocast(), self.at(self.start_point):
                before = self.paint(task.batch, noise)
            share = clicked_share(self.style((painted + 1) / 2), task, settings.temperature)
            choice = (1 - share.clamp_min(1e-6) ** settings.robust) / settings.robust
            moved = (painted - before).square().flatten(1).mean(1)
            return {"asked": choice + settings.anchor * moved, "share": share, "moved": moved}
        pixels, perceptual = pixel_loss(painted, task.target), self.perceptual(painted, task.target)
        grains = grain(painted, task.target, task.batch.reference)
        asked = pixels + settings.perceptual * perceptual + settings.grain * grains
        return {"asked": asked, "pixels": pixels, "perceptual": perceptual, "grain": grains}

    def paint(self, batch: HistoryBatch, noise: Tensor) -> Tensor:
        """(B, 3, 64, 64) in [-1, 1], in one step."""
        start = self.painting.start(batch, noise)
        condition = self.painting.condition(batch)
        clean = self.painting.predict_clean(start.x, self.painting.schedule(1), 0, batch, condition)
        return 2 * self.painting.decode(clean.float()) - 1


def clicked_share(style: Tensor, task: Task, temperature: float) -> Tensor:
    """(B,) share of the clicked drawing among those of its subject, by cosine of style: 1 where none else is as near.

    Parameters
    ----------
    style
        (B, 32) of the pictures, of any length.
    task
        The rows.
    temperature
        What cosines are divided by.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> two = SimpleNamespace(
    ...     styles=torch.eye(2)[None], drawn=torch.ones(1, 2, dtype=torch.bool), chosen=torch.tensor([0])
    ... )
    >>> [round(float(clicked_share(torch.tensor([each]), two, 1.0)), 4) for each in ([2.0, 0.0], [1.0, 1.0])]
    [0.7311, 0.5]
    """
    cosine = (F.normalize(style.float(), dim=1)[:, None] * F.normalize(task.styles, dim=2)).sum(2)
    shares = (cosine / temperature).masked_fill(~task.drawn, -1e4).softmax(1)
    return shares.gather(1, task.chosen[:, None])[:, 0]


class ReconstructWatch:
    """Fixed rows of validation subjects painted again: how well, and how near a real drawing they are.

    How well is the clicked drawing's share, or minus the loss in pixels.

    Parameters
    ----------
    tuner
        With the weights of the moment.
    task
        The rows.
    drawings, present
        (B, F, 3, 64, 64) and (B, F) of :func:`generation.alignment.monitor.drawings_of`, of each row's subject.
    """

    def __init__(self, tuner: Reconstruct, task: Task, drawings: Tensor, present: Tensor) -> None:
        self.tuner, self.task, self.drawings, self.present = tuner, task, drawings, present

    @torch.no_grad()
    def __call__(self, step: int) -> tuple[Look, Tensor]:
        """The look, and a sheet: references, pictures, targets."""
        task = self.task
        noise = noise_of(torch.arange(len(task.batch)), self.tuner.painting.shape)
        found = self.tuner.losses(task, noise)
        with self.tuner.autocast():
            painted = (self.tuner.paint(task.batch, noise) + 1) / 2
        reward = found["share"] if "share" in found else -(found["pixels"] + found["perceptual"])
        look = Look(
            step=step,
            reward=reward.double().numpy(),
            monitor=nearest_drawing(painted, self.drawings, self.present).double().numpy(),
            diversity=pixel_diversity(painted, torch.zeros(len(painted), dtype=torch.int64)),
        )
        rows = [(task.batch.reference + 1) / 2, painted, (task.target + 1) / 2]
        return look, torch.cat([row[:16].permute(1, 2, 0, 3).flatten(2) for row in rows], dim=1)
