"""Platt scaling: two numbers that turn a logit into a frequency.

Platt, "Probabilistic Outputs for Support Vector Machines", 1999. It is monotone and
differentiable, so it changes neither a ranking nor the sign of a gradient, and it is saved
as two numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from jobs.lake.arrays import Floats


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """``p = sigmoid(slope * logit + intercept)``."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, logit: Floats) -> Floats:
        """Probabilities of logits, elementwise, float64.

        Examples
        --------
        >>> Calibration().apply(np.array([0.0])).tolist()
        [0.5]
        """
        return np.asarray(1.0 / (1.0 + np.exp(-(self.slope * np.asarray(logit, np.float64) + self.intercept))))


def fit_platt(logit: Floats, clicked: npt.NDArray[Any]) -> Calibration:
    """Maximum likelihood slope and intercept on rows that trained nothing.

    Raises
    ------
    ValueError
        When the rows lack clicks or skips, or the logits order them the wrong way round: such
        a model must be mended, not flipped.
    """
    if not clicked.any() or clicked.all():
        raise ValueError(f"calibration needs clicks and skips, got {int(clicked.sum())} clicks in {len(clicked)} rows")
    fitted = LogisticRegression(C=1e6, max_iter=1000, tol=1e-8).fit(np.asarray(logit, np.float64)[:, None], clicked)
    slope = float(fitted.coef_[0, 0])
    if slope <= 0:
        raise ValueError(f"the model's logits order validation rows backwards (slope {slope:.3f}): retrain it")
    return Calibration(slope=slope, intercept=float(fitted.intercept_[0]))
