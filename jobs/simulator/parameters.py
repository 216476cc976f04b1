"""The numbers of the stickers world: every one of them is an assumption, named and documented here.

``docs/world.md`` shows the formulas that use them and plots what comes out.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from jobs.lake.arrays import Floats, Ints


@dataclass(frozen=True, kw_only=True)
class ModelParameters:
    """Parameters of the simulated users, items and requests. Logits unless another unit is named."""

    base: float = -3.1
    """Intercept of attraction; set so that the log's click-through rate is near 5 %."""
    quality_sd: float = 0.45
    """Spread of item quality."""
    user_bias_sd: float = 0.4
    """Spread of a user's general readiness to click."""

    factors: int = 8
    """Latent dimensions of taste for subjects (count)."""
    subject_scale: float = 0.7
    """Standard deviation of the taste of a user for a subject."""
    group_share: float = 0.55
    """Share of an item factor's variance that its group (food-drink, objects ...) explains."""
    subgroup_share: float = 0.3
    """Share that its subgroup (animal-mammal ...) explains; the rest is the item's own."""

    style_sd: float = 0.35
    """Spread of the ordinary liking of a user for a family, before adoring."""
    style_correlation: float = 0.4
    """Correlation of ordinary liking between two families of one group (see ``STYLE_GROUPS``)."""
    adorers: float = 0.35
    """Share of users who adore one family; their families are drawn in equal numbers."""
    adore_low: float = 1.2
    """Least boost of the adored family."""
    adore_high: float = 2.2
    """Greatest boost of the adored family."""

    wording_mean: tuple[float, float, float] = (0.0, 0.08, -0.04)
    """Mean liking of plain, descriptive and playful titles."""
    wording_sd: float = 0.25
    """Spread of a user's liking of one kind of title."""
    wording_adorers: float = 0.0
    """Share of users who adore one kind of title, dealt out in equal numbers; ``STRONG_WORDING`` of them with
    ``world.wording=strong``."""
    wording_adore_low: float = 0.8
    """Least boost of the adored kind over the two others."""
    wording_adore_high: float = 1.6
    """Greatest boost of the adored kind over the two others."""
    dissimilarity: float = 1.5
    """What a picture of something else entirely loses (the formula's lambda)."""

    examination_power: float = 0.6
    """Examination of position k is k to the power of minus this (a position-based model)."""

    popularity_power: float = 0.7
    """Exposure weight of the item of popularity rank r is r to the power of minus this (Zipf)."""
    popularity_quality: float = 0.5
    """Correlation between quality and the score that popularity ranks are taken from."""
    new_share: float = 0.37
    """Share of candidates drawn from the items that launch after the log, on every played day (probability)."""

    activity_sd: float = 0.9
    """Spread of the log of a user's activity."""
    requests_per_session: float = 1.8
    """Mean requests in a session (count)."""
    weekend: float = 1.25
    """Weekend traffic relative to a working day (ratio)."""
    candidates_per_position: int = 4
    """Candidates drawn by popularity for each position of a page (count)."""
    ranking_strength: float = 1.0
    """Weight of subject taste in choosing and ordering; Gumbel noise of scale 1 is added."""
    random_order: float = 0.2
    """Share of requests whose order is uniformly random: policy ``explore-rank`` (probability)."""
    explore_wording: float = 0.3
    """Probability that a title other than the plain one is shown, each kind alike."""

    dwell_median_s: float = 8.0
    """Median time on the page after a click (seconds)."""
    dwell_sd: float = 0.9
    """Spread of the log of that time."""
    dwell_match: float = 0.25
    """Growth of the log of that time per logit of attraction above the intercept."""


STRONG_WORDING = 0.35
"""``wording_adorers`` of a world with ``world.wording=strong``."""

LANGUAGE_SHARES = {"en": 0.45, "de": 0.20, "es": 0.20, "ja": 0.15}
"""Share of users who read titles in each language."""

DEFAULT_SHARES = {
    "noto": 0.24,
    "noto-v1": 0.14,
    "twemoji": 0.20,
    "fluent-flat": 0.16,
    "fluent-3d": 0.15,
    "fluent-high-contrast": 0.11,
}
"""Chance of each family to draw an item's original cover, among the families that draw it."""

STYLE_GROUPS = {
    "noto": "shaded",
    "noto-v1": "flat",
    "twemoji": "flat",
    "fluent-flat": "flat",
    "fluent-3d": "shaded",
    "fluent-high-contrast": "line",
}
"""Families of one look are liked by the same people a little more often than chance."""

EVENING, NOON, MORNING = (0.6, 20.0, 2.5), (0.25, 12.5, 2.0), (0.15, 8.0, 1.5)
"""Parts of the day's curve: weight, mean hour and spread in hours (UTC, around the day)."""


def parameters_of(wording: Literal["mild", "strong"]) -> ModelParameters:
    """The numbers of a world with this ``world.wording``.

    Examples
    --------
    >>> parameters_of("mild").wording_adorers, parameters_of("strong").wording_adorers
    (0.0, 0.35)
    """
    return ModelParameters(wording_adorers=STRONG_WORDING if wording == "strong" else 0.0)


def examination(positions: Ints, parameters: ModelParameters) -> Floats:
    """Probability that a position is looked at, relative to the first.

    Position-based model with ``k ** -power`` (Joachims, Swaminathan and Schnabel, "Unbiased
    Learning-to-Rank with Biased Feedback", WSDM 2017).

    Parameters
    ----------
    positions
        From 1.
    parameters
        ``examination_power`` is used.

    Returns
    -------
    ndarray
        float64 in (0, 1], of the same shape.

    Examples
    --------
    >>> examination(np.array([1, 4]), ModelParameters(examination_power=0.5))
    array([1. , 0.5])
    """
    return np.asarray(positions, dtype=np.float64) ** -parameters.examination_power
