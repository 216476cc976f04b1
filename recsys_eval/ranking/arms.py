"""Rankers with and without generated covers, compared on the same impressions.

Every arm is the same ranker on the same rows; they differ in what they know of covers:

- ``original``: user, item, default cover and the cover shown; where the others have columns of a
  generated cover it has the default's, so that no arm wins by having more columns to sample from;
- ``generated``: the cover generated for the item and the user's segment;
- ``shuffled``: the same columns, of another segment's cover;
- ``random drawing``: the same columns, of an existing drawing of the item, drawn at random;
- ``unpersonalised``: the same columns, of a cover painted without any preference;
- ``a/a``: ``original`` again with other seeds: what lift is made of nothing.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints
from jobs.lake.examination import examination_at
from recsys_eval.arm_names import A_A, ORIGINAL
from recsys_eval.ranking.cover_assignment import CoverAssignment
from recsys_eval.ranking.examination import click_weights
from recsys_eval.ranking.features import SHOWN_P, ImpressionFeatures
from recsys_eval.ranking.rankers import Labelled, RankerSettings, fit, score

AA_SEED_OFFSET = 1000
"""A/A differs from ``original`` by seeds that no other arm uses."""
ARMS_AT_ONCE = 2
"""Arms trained side by side, each by one thread; LightGBM lets go of Python's lock."""

Progress = Callable[[str], None]


def no_progress(what: str) -> None:
    """Progress that shows nothing."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Impressions as every arm sees them. ``n`` rows, ordered by request."""

    user: Ints
    request: Ints
    position: Ints
    clicked: Flags
    weight: Floats
    """(n,) what a click counts for: inverse examination of the position, clipped."""
    fold: Ints
    """(n,) which half of the users the row's user belongs to."""
    columns: Mapping[str, Floats]
    """Arm name -> (n, n_features); ``original`` is among them."""
    truth: Floats | None = None
    """(n,) true probability of a click on what was shown if it is looked at; None where nobody knows (simulated)."""

    def __len__(self) -> int:
        return len(self.clicked)

    def where(self, mask: Flags) -> "Block":
        """Some of the rows."""
        return Block(
            user=self.user[mask],
            request=self.request[mask],
            position=self.position[mask],
            clicked=self.clicked[mask],
            weight=self.weight[mask],
            fold=self.fold[mask],
            columns={name: values[mask] for name, values in self.columns.items()},
            truth=None if self.truth is None else self.truth[mask],
        )


def arm_block(
    impressions: ImpressionFeatures,
    assignments: Mapping[str, CoverAssignment],
    examination: Floats,
    treated: Flags | None = None,
) -> Block:
    """Columns of every arm for some impressions.

    Parameters
    ----------
    impressions
        The impressions.
    assignments
        Arm name to the covers it is told of; ``original`` needs none.
    examination
        (p,) of the places, for the weights of clicks.
    treated
        (n,) impressions whose feed shows the assigned cover. Then ``original`` believes that the default
        is shown, the other arms that treated users are shown theirs. None: the log as it was, and
        all arms know the logged cover.
    """
    found = {name: assignment.of(impressions) for name, assignment in assignments.items()}
    believed = impressions.logged_row if treated is None else impressions.default_row
    impressions.score([impressions.default_row, believed, *(rows for rows, _ in found.values())])
    plain = np.hstack([impressions.base, impressions.shown(believed)])
    nothing = np.zeros(len(impressions), np.int64)
    columns = {ORIGINAL: np.hstack([plain, impressions.assigned(nothing, np.ones(len(impressions)))])}
    for name, (rows, relevance) in found.items():
        known = plain
        if treated is not None:
            feed = believed_feed(impressions, rows, treated)
            known = np.hstack([impressions.base, impressions.shown(feed)])
        columns[name] = np.hstack([known, impressions.assigned(rows, relevance)])
    return Block(
        user=impressions.user,
        request=impressions.request,
        position=impressions.position,
        clicked=impressions.clicked,
        weight=click_weights(examination_at(examination, impressions.position)),
        fold=impressions.fold,
        columns=columns,
    )


def believed_feed(impressions: ImpressionFeatures, assigned: Ints, treated: Flags) -> Ints:
    """(n,) the cover that a ranker believes to be shown: treated users' assigned one, else the default."""
    return np.where(treated & (assigned > 0), assigned, impressions.default_row)


def score_arms(
    train: Block, test: Block, settings: RankerSettings, progress: Progress = no_progress
) -> dict[str, Floats]:
    """Train every arm that both blocks have, and A/A, and score the test impressions, (n_seeds, n_test) each.

    Nobody's impressions are scored by a ranker that was trained on theirs: each half of the users is scored by the
    ranker of the other (cross-fitting; Chernozhukov et al., "Double/debiased machine learning", 2018). A ranker starts
    from the click model's logit of the cover that its arm believes to be shown.
    """
    other_seeds = replace(settings, seeds=tuple(seed + AA_SEED_OFFSET for seed in settings.seeds))
    arms = [(name, name, settings) for name in test.columns if name in train.columns]
    arms.insert(1, (A_A, ORIGINAL, other_seeds))

    def one(name: str, columns: str, chosen: RankerSettings) -> Floats:
        progress(name)
        found = np.zeros((len(chosen.seeds), len(test)))
        for half in np.unique(test.fold):
            learned, asked = train.where(train.fold != half), np.flatnonzero(test.fold == half)
            rows = Labelled(
                columns=learned.columns[columns],
                clicked=learned.clicked,
                request=learned.request,
                position=learned.position,
                start=start_of(learned.columns[columns]),
            )
            wanted = test.columns[columns][asked]
            boosters = fit(rows, chosen)
            found[:, asked] = score(boosters, wanted, start=start_of(wanted), threads=chosen.threads)
        return found

    with ThreadPoolExecutor(ARMS_AT_ONCE) as pool:
        found = [pool.submit(one, *arm) for arm in arms]
        return {arm[0]: future.result() for arm, future in zip(arms, found, strict=True)}


def start_of(columns: Floats) -> Floats:
    """(n,) logit of the click probability of the cover believed to be shown; the mean where there is none."""
    chance = columns[:, SHOWN_P]
    known = np.clip(np.nan_to_num(chance, nan=float(np.nanmean(chance)) if chance.size else 0.5), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(known / (1 - known)), np.float64)
