r"""First part of Pigeon's training: what somebody likes, at the level of vectors; nothing is painted.

The worth of a look ``z`` to somebody is :math:`e^b \langle d, z - \bar z \rangle` in log odds, ``d`` the direction that
Pigeon reads from their history. Two losses:

- **the log**: whether training users clicked what they were shown in the week after the history ends, by logistic
  regression over position, item and user (:mod:`~generation.personalization.pigeon.training.logged`). The logging
  policy's choice of cover does not depend on the user, so shown covers need no weight by propensity here;
- **made-up users** (:mod:`~generation.personalization.pigeon.training.simulated`): the squared error of the worth of
  each family to the true taste, and whether the mask's scores tell false clicks from true ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from torch import Tensor, nn

from generation.alignment.guard import Look
from generation.alignment.tuner import Tuner, TuneSettings
from generation.personalization.pigeon.mask import gumbel
from generation.personalization.pigeon.personal import BuiltinPigeon, Reading
from generation.personalization.pigeon.training.logged import Logged
from generation.personalization.pigeon.training.simulated import Crowd, MadeUp
from jobs.lake.arrays import Floats, Floats32, Ints

RATIOS = (0.0, 0.2, 0.4, 0.6)
"""Mask ratios that rows of a batch are drawn at."""
COLDEST = 0.3
"""Width of the mask's sigmoid at the end; it begins at 1."""


@dataclass(frozen=True, kw_only=True)
class TasteSettings(TuneSettings):
    """A run at the level of vectors."""

    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup: int = 50
    rows: int = 32
    """Rows of the log a step, and as many made-up users."""
    simulated: float = 1.0
    """Weight of made-up users; 0 leaves them out."""
    flags: float = 0.2
    """Weight of telling false clicks from true ones among them."""
    pool: int = 300
    """Batches of made-up users; they come again after so many steps."""
    steps: int = 2000
    """Over which the mask's sigmoid narrows."""
    mask: bool = True
    """False masks nothing, which is for ablations."""


class TasteTuner(Tuner):
    """Trains what does not depend on the item.

    Parameters
    ----------
    pigeon
        What is trained, but for its way of painting.
    logged
        Training users.
    crowd
        Made-up users.
    families
        (F, 32) mean style of each family's drawings, less the mean over all covers.
    settings
        Of the run.
    """

    settings: TasteSettings

    def __init__(
        self, pigeon: BuiltinPigeon, logged: Logged, crowd: Crowd, families: Tensor, settings: TasteSettings
    ) -> None:
        self.pigeon, self.logged, self.crowd, self.families = pigeon, logged, crowd, families
        self.strength = nn.Parameter(torch.tensor(0.0))
        super().__init__({**taste_parameters(pigeon), "strength": self.strength}, settings)
        self.drawn = lru_cache(maxsize=None)(lambda key: crowd.draw(key, settings.rows))
        self.first = np.searchsorted(logged.row, np.arange(len(logged.users) + 1))

    def learn(self) -> dict[str, float]:
        """One step; returns the losses."""
        settings, key = self.settings, self.step
        rng = np.random.default_rng((settings.seed, key))
        rows = rng.integers(len(self.logged.users), size=settings.rows)
        loss = self.of_the_log(rows, key)
        found = {"log": float(loss.detach())}
        if settings.simulated:
            taste, flags = self.of_the_crowd(self.drawn(key % settings.pool), key)
            loss = loss + settings.simulated * (taste + settings.flags * flags)
            found |= {"taste": float(taste.detach()), "flags": float(flags.detach())}
        self.accelerator.backward(loss)
        return {**found, "gradient": self.descend()}

    def of_the_log(self, rows: Ints, key: int) -> Tensor:
        """Mean negative log likelihood of clicks of some rows, times 20: about 1."""
        reading = self.read(self.logged.preference[rows], self.logged.history[rows], 2 * key)
        places = np.concatenate([np.arange(self.first[row], self.first[row + 1]) for row in rows])
        owner = np.repeat(np.arange(len(rows)), [self.first[row + 1] - self.first[row] for row in rows])
        return 20 * _surprise(self.logged, places, owner, reading, self.strength).mean()

    def of_the_crowd(self, made_up: MadeUp, key: int) -> tuple[Tensor, Tensor]:
        """Squared error of tastes, and the surprise at which clicks are false."""
        reading = self.read(made_up.preference, made_up.history, 2 * key + 1)
        worth = self.strength.exp() * reading.direction @ self.families.T
        worth = worth - worth.mean(1, keepdim=True)
        false = torch.from_numpy(made_up.false)
        told = torch.isfinite(false)
        flags = F.binary_cross_entropy_with_logits(centred(reading.scores, told)[told], 1 - false[told])
        return (worth - torch.from_numpy(made_up.taste)).square().mean(), flags

    def read(self, preference: Floats32, history: Floats32, key: int) -> Reading:
        """With ratios, noise and the width of this step."""
        rng = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + key)
        ratio = torch.tensor(RATIOS)[torch.randint(len(RATIOS), (len(history),), generator=rng)]
        if not self.settings.mask:
            ratio = torch.zeros_like(ratio)
        tau = max(COLDEST, 1 - (1 - COLDEST) * self.step / self.settings.steps)
        told = torch.from_numpy(history)
        noise = gumbel(told.shape[:2], rng)
        return self.pigeon.read(torch.from_numpy(preference), told, ratio=ratio, tau=tau, noise=noise)


def centred(scores: Tensor, told: Tensor) -> Tensor:
    """Scores less their mean over the rows of ``told``: which of somebody's clicks, not how many."""
    count = told.sum(1, keepdim=True).clamp_min(1)
    mean = (scores * told).sum(1, keepdim=True) / count
    return scores - mean


def taste_parameters(pigeon: BuiltinPigeon) -> dict[str, nn.Parameter]:
    """What does not depend on the item, by name."""
    parts = ("history.", "mask.", "wanted.", "asked", "reader.", "taste.", "evidence.", "believed")
    return {name: weight for name, weight in pigeon.named_parameters() if name.startswith(parts)}


def _surprise(
    logged: Logged,
    places: Ints,
    owner: Ints,
    reading: Reading,
    strength: Tensor,
) -> Tensor:
    """(M,) negative log likelihood of impressions ``places``; ``owner`` is their row of the reading."""
    style = torch.from_numpy(logged.style[places])
    worth = strength.exp() * (reading.direction[torch.from_numpy(owner)] * style).sum(1)
    odds = worth + torch.from_numpy(logged.expected[places])
    return F.binary_cross_entropy_with_logits(odds, torch.from_numpy(logged.clicked[places]), reduction="none")


@torch.no_grad()
def begin_with(pigeon: BuiltinPigeon, styles: Floats32, seed: int) -> None:
    """Codes from k-means over the styles of the night's covers (N, 32), and evidence believed in full."""
    evidence = pigeon.evidence
    found = KMeans(len(evidence.codes), n_init=3, random_state=seed).fit(styles)
    evidence.codes.copy_(torch.from_numpy(found.cluster_centers_.astype(np.float32)))
    evidence.mean.copy_(torch.from_numpy(styles.mean(axis=0).astype(np.float32)))
    pigeon.believed.fill_(1.0)


class TasteWatch:
    """How much better than without any taste it tells what validation users click.

    Parameters
    ----------
    tuner
        With the weights of the moment.
    logged
        Validation users.
    chunk
        Rows read at once.
    """

    def __init__(self, tuner: TasteTuner, logged: Logged, chunk: int = 256) -> None:
        self.tuner, self.logged, self.chunk = tuner, logged, chunk

    @torch.no_grad()
    def __call__(self, step: int) -> tuple[Look, Tensor]:
        """Mean gain in log likelihood of each row's impressions, in thousandths; and a sheet of what was read."""
        logged, gains, sheets = self.logged, [], []
        first = np.searchsorted(logged.row, np.arange(len(logged.users) + 1))
        for start in range(0, len(logged.users), self.chunk):
            rows = np.arange(start, min(start + self.chunk, len(logged.users)))
            reading = self.tuner.pigeon.read(
                torch.from_numpy(logged.preference[rows]), torch.from_numpy(logged.history[rows])
            )
            places = np.arange(first[rows[0]], first[rows[-1] + 1])
            owner = logged.row[places] - rows[0]
            found = _surprise(logged, places, owner, reading, self.tuner.strength).double().numpy()
            gains.append(np.bincount(owner, _plain(logged, places) - found, minlength=len(rows)))
            sheets.append(reading.direction @ self.tuner.families.T)
        gain = 1000 * np.concatenate(gains) / np.maximum(np.diff(first), 1)
        spread = float(torch.cat(sheets).std(0).mean())
        return Look(step=step, reward=gain, monitor=gain, diversity=spread), sheet_of(sheets)


def _plain(logged: Logged, places: Ints) -> Floats:
    odds, clicked = (torch.from_numpy(each[places]) for each in (logged.expected, logged.clicked))
    return F.binary_cross_entropy_with_logits(odds, clicked, reduction="none").double().numpy()


def sheet_of(worths: Sequence[Tensor]) -> Tensor:
    """(3, H, W) worths of families to 64 rows, as grey squares."""
    some = torch.cat(list(worths))[:64]
    scaled = (some - some.min()) / (some.max() - some.min()).clamp_min(1e-9)
    return scaled.T.repeat_interleave(8, 0).repeat_interleave(8, 1).expand(3, -1, -1)
