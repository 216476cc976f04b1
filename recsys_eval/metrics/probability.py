"""How good click probabilities are, over all impressions: log loss, normalised entropy, calibration, AUC."""

from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Flags, Floats
from recsys_eval.metrics.within import auc
from reward_model.metrics import log_loss, reliability


@dataclass(frozen=True, kw_only=True)
class ProbabilityMetrics:
    """Of one model on one set of impressions; NaN where a class is missing."""

    log_loss: float
    """Mean negative log likelihood, nats; scikit-learn's ``log_loss``."""
    normalised_entropy: float
    """Log loss over that of the mean click rate for everybody: below 1 the model knows more than the mean (He et al.,
    "Practical lessons from predicting clicks on ads at Facebook", ADKDD 2014)."""
    calibration_error: float
    """Over 15 bins of equal mass, the mean distance of prediction and click rate, weighted by rows."""
    calibration: float
    """Predicted clicks over clicks; 1 is right."""
    auc: float
    """Over all impressions, ties a half; scikit-learn's ``roc_auc_score``."""


def probability_metrics(clicked: Flags, probability: Floats) -> ProbabilityMetrics:
    """Every metric of click probabilities.

    Parameters
    ----------
    clicked
        (n,)
    probability
        (n,) in [0, 1]; what lies within 1e-7 of 0 or 1 counts as that for the log loss.

    Raises
    ------
    ValueError
        Lengths differ, there are no rows, or a probability is not in [0, 1].

    Examples
    --------
    >>> found = probability_metrics(np.array([True, False]), np.array([0.5, 0.5]))
    >>> found.normalised_entropy, found.calibration, found.auc
    (1.0, 1.0, 0.5)
    """
    if clicked.shape != probability.shape or clicked.ndim != 1 or not clicked.size:
        raise ValueError(
            f"clicked {clicked.shape} and probability {probability.shape} must be flat, alike and not empty"
        )
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probabilities must lie in [0, 1]: a score needs a link function first")
    clicked = np.asarray(clicked, bool)
    loss, rate = log_loss(clicked, probability), float(clicked.mean())
    least = log_loss(clicked, np.full(clicked.size, rate)) if 0 < rate < 1 else float("nan")
    bins = reliability(clicked, probability)
    gap = sum(each["rows"] * abs(each["observed"] - each["predicted"]) for each in bins)
    return ProbabilityMetrics(
        log_loss=loss,
        normalised_entropy=loss / least,
        calibration_error=gap / clicked.size,
        calibration=float(probability.sum()) / float(clicked.sum()) if clicked.any() else float("nan"),
        auc=float(auc(np.zeros(clicked.size, np.int64), probability, clicked)[0]),
    )
