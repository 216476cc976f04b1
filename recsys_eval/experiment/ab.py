"""The A/B of published covers: click-through rate of users who got them against users who did not.

Users are randomised, so clicks of all impressions compare fairly ("all", diluted by items
without a published cover), and so do clicks of the pairs of item and segment for which a
cover is published ("published pairs": the treated saw it, the others the default).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.lake.arrays import Flags, Ints
from recsys_eval.statistics.lift import Estimate, resampled_ratios


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Treated against control on one selection of impressions."""

    treated: Estimate
    """Click-through rate of the treated."""
    control: Estimate
    difference: Estimate
    """Treated minus control, absolute."""
    lift: Estimate
    """Treated over control, minus 1."""
    users_treated: int
    users_control: int
    impressions: int

    @property
    def users(self) -> int:
        """Users of both sides."""
        return self.users_treated + self.users_control

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: value.as_dict() if isinstance(value, Estimate) else value for name, value in vars(self).items()}


def compare(user: Ints, clicked: Flags, treated: Flags, *, resamples: int, seed: int) -> Comparison | None:
    """Compare click-through rates with intervals over resampled users.

    Parameters
    ----------
    user
        (n,) user codes.
    clicked, treated
        (n,) per impression; a user is on one side only.
    resamples, seed
        Of the bootstrap; users of both sides are resampled together, so that the sizes of the sides vary too.

    Returns
    -------
    Comparison or None
        None where a side has no impression or the control no click: there is nothing to compare.

    Raises
    ------
    ValueError
        A user is on both sides.
    """
    if not treated.any() or treated.all() or not clicked[~treated].any():
        return None
    _, codes = np.unique(user, return_inverse=True)
    n_users = int(codes.max()) + 1
    sides = np.stack([treated, ~treated], axis=1).astype(np.float64)
    shown = np.zeros((n_users, 2))
    clicks = np.zeros((n_users, 2))
    np.add.at(shown, codes, sides)
    np.add.at(clicks, codes, sides * clicked[:, None])
    on_side = (shown > 0).sum(axis=0)
    if int(on_side.sum()) != n_users:
        raise ValueError(f"{int(on_side.sum()) - n_users} users are both treated and control: randomise by user")
    ratios = resampled_ratios(clicks, shown, resamples=resamples, seed=seed)
    return Comparison(
        treated=ratios.estimate(0),
        control=ratios.estimate(1),
        difference=ratios.difference(0, 1),
        lift=ratios.lift(0, 1),
        users_treated=int(on_side[0]),
        users_control=int(on_side[1]),
        impressions=int(user.size),
    )
