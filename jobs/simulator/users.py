"""The simulated users: languages, activity and tastes."""

from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Floats, Ints
from jobs.simulator.parameters import LANGUAGE_SHARES, STYLE_GROUPS, ModelParameters
from jobs.stickers.pack import FAMILIES, LANGUAGES


@dataclass(frozen=True, kw_only=True)
class Users:
    """All users, by number. ``U`` users, ``K`` factors."""

    language: Ints
    """(U,) number in the pack's languages."""
    activity: Floats
    """(U,) log-normal with mean 1 over the users: relative number of sessions."""
    chronotype: Floats
    """(U,) hours that a user's day is shifted by."""
    bias: Floats
    """(U,) logits: readiness to click."""
    factors: Floats
    """(U, K) standard normal: taste for subjects is their projection on an item's factors."""
    style_taste: Floats
    """(U, 6) logits, each row sums to 0."""
    adored: Ints
    """(U,) the family a user adores, -1 for those who adore none."""
    wording_taste: Floats
    """(U, 3) logits."""
    adored_wording: Ints
    """(U,) the kind of title a user adores, -1 for those who adore none: everybody in the ``mild`` world."""

    @property
    def size(self) -> int:
        """Number of users."""
        return len(self.language)


def style_covariance(parameters: ModelParameters) -> Floats:
    """(6, 6) of the ordinary liking: families of one group are correlated."""
    group = np.array([STYLE_GROUPS[family] for family in FAMILIES])
    same = group[:, None] == group[None, :]
    correlation = np.where(same, parameters.style_correlation, 0.0)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(parameters.style_sd**2 * correlation, dtype=np.float64)


def draw_styles(users: int, parameters: ModelParameters, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Style tastes: everyone likes some families a little more, a minority adores one.

    Ordinary liking is normal; it is centred over the users, and the adored families are dealt
    out in equal numbers, so that no family wins for everybody.

    Returns
    -------
    tuple
        (U, 6) float64 logits with rows that sum to 0, and (U,) the adored family or -1.
    """
    taste = rng.multivariate_normal(np.zeros(len(FAMILIES)), style_covariance(parameters), users)
    taste -= taste.mean(axis=0)
    adoring = rng.permutation(users)[: round(parameters.adorers * users)]
    adored = np.full(users, -1, dtype=np.int64)
    adored[adoring] = np.arange(len(adoring)) % len(FAMILIES)
    taste[adoring, adored[adoring]] += rng.uniform(parameters.adore_low, parameters.adore_high, len(adoring))
    return taste - taste.mean(axis=1, keepdims=True), adored


def draw_wording_taste(users: int, parameters: ModelParameters, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Tastes for kinds of titles: everyone a little, and where ``wording_adorers`` says so a share adores one kind.

    An adorer likes one kind more than the two others by the boost; the boost is centred over the
    kinds, so that adorers click no more often in all.

    Returns
    -------
    tuple
        (U, 3) float64 logits, and (U,) the adored kind or -1.
    """
    kinds = len(parameters.wording_mean)
    taste = np.array(parameters.wording_mean) + parameters.wording_sd * rng.standard_normal((users, kinds))
    adored = np.full(users, -1, dtype=np.int64)
    adorers = round(parameters.wording_adorers * users)
    if adorers:
        adoring = rng.permutation(users)[:adorers]
        adored[adoring] = np.arange(adorers) % kinds
        boost = rng.uniform(parameters.wording_adore_low, parameters.wording_adore_high, adorers)
        taste[adoring, adored[adoring]] += boost
        taste[adoring] -= boost[:, None] / kinds
    return taste, adored


def draw_users(users: int, parameters: ModelParameters, seed: np.random.SeedSequence) -> Users:
    """All users of the world; the same seed gives the same users."""
    rng = np.random.default_rng(seed)
    activity = np.exp(parameters.activity_sd * rng.standard_normal(users))
    style_taste, adored = draw_styles(users, parameters, rng)
    shares = np.array([LANGUAGE_SHARES[language] for language in LANGUAGES])
    # The order of the draws is the world's bytes: wording comes last.
    language = rng.choice(len(LANGUAGES), size=users, p=shares)
    chronotype = rng.standard_normal(users)
    bias = parameters.user_bias_sd * rng.standard_normal(users)
    factors = rng.standard_normal((users, parameters.factors))
    wording_taste, adored_wording = draw_wording_taste(users, parameters, rng)
    return Users(
        language=language,
        activity=activity / activity.mean(),
        chronotype=chronotype,
        bias=bias,
        factors=factors,
        style_taste=style_taste,
        adored=adored,
        wording_taste=wording_taste,
        adored_wording=adored_wording,
    )
