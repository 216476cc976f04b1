"""Against reward hacking: stop, or back off, when the reward rises while an independent monitor falls.

A reward is a model of what people like, and a generator that is tuned on it finds where the model
is wrong (Goodhart's law; measured for generators by Gao et al., ICML 2023, https://arxiv.org/abs/2210.10760).
So validation subjects are painted every so often with the averaged weights, and looked at by a
monitor that shares no weights with any reward and is not the judge. Rows are compared in pairs
with the best look so far, so that a fall is told from chance.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Action = Literal["go on", "back off", "stop"]


@dataclass(frozen=True, kw_only=True)
class GuardSettings:
    """When the guard acts."""

    z: float = 2.0
    """Standard errors of a paired difference that make a rise or a fall."""
    min_diversity: float = 0.5
    """Least diversity across segments, as a share of the start's."""
    patience: int = 2
    """Suspicious looks in a row before it acts."""
    backoffs: int = 1
    """How often it returns to the best look before it stops."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the tuned generator paints for the validation rows."""

    step: int
    reward: NDArray[np.float64]
    """(N,) what is maximised."""
    monitor: NDArray[np.float64]
    """(N,) what the reward knows nothing of; higher is better."""
    diversity: float
    """Distance between what different segments get of one item."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What to do, and why."""

    action: Action
    reason: str = ""
    best: bool = False
    """Whether this look is the best so far: its weights are worth keeping."""


class Guard:
    """Remembers the start and the best look.

    A look is *suspicious* when the reward is above, and the monitor below, what they were at the best
    look, both by ``z`` standard errors; or when the diversity has fallen below its floor. A look
    becomes the best when its mean reward is higher and it is not suspicious and its monitor has not fallen.
    """

    def __init__(self, settings: GuardSettings) -> None:
        self.settings = settings
        self.first: Look | None = None
        self.best: Look | None = None
        self.suspicious = 0
        self.returned = 0

    def judge(self, look: Look) -> Verdict:
        """Verdict on the next look; the first one is of the start point.

        A figure that is not finite stops the run: what cannot be watched is not trained.
        """
        if not all(np.isfinite(figures).all() for figures in (look.reward, look.monitor, look.diversity)):
            return Verdict(action="stop", reason="reward, monitor or diversity is not finite")
        if self.first is None or self.best is None:
            self.first = self.best = look
            return Verdict(action="go on", best=True)
        reason = self._suspicion(look, self.first, self.best)
        if reason is None:
            self.suspicious = 0
            better = look.reward.mean() > self.best.reward.mean()
            if better:
                self.best = look
            return Verdict(action="go on", best=better)
        self.suspicious += 1
        if self.suspicious < self.settings.patience:
            return Verdict(action="go on", reason=reason)
        self.suspicious = 0
        self.returned += 1
        action: Action = "back off" if self.returned <= self.settings.backoffs else "stop"
        return Verdict(action=action, reason=reason)

    def _suspicion(self, look: Look, first: Look, best: Look) -> str | None:
        rise, fall = paired_z(look.reward, best.reward), paired_z(look.monitor, best.monitor)
        if rise > self.settings.z and fall < -self.settings.z:
            return (
                f"since step {best.step} the reward rose by {look.reward.mean() - best.reward.mean():.3g} ({rise:.1f} "
                f"standard errors) while the monitor fell by {best.monitor.mean() - look.monitor.mean():.3g} "
                f"({-fall:.1f} standard errors)"
            )
        if look.diversity < self.settings.min_diversity * first.diversity:
            return f"the diversity fell from {first.diversity:.3g} at the start to {look.diversity:.3g}"
        return None

    def state(self) -> dict[str, int]:
        """For the progress file."""
        return {"suspicious": self.suspicious, "backed_off": self.returned}


def paired_z(now: NDArray[np.float64], then: NDArray[np.float64]) -> float:
    """Mean difference of rows over its standard error; 0 where nothing moved.

    Examples
    --------
    >>> paired_z(np.array([2.0, 4.0]), np.array([1.0, 1.0]))  # mean 2, deviation sqrt(2), two rows
    2.0
    """
    difference = now - then
    if len(difference) < 2:
        return 0.0
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    if error == 0:
        return float(np.sign(difference.mean()) * np.inf) if difference.mean() else 0.0
    return float(difference.mean() / error)
