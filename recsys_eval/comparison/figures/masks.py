"""Which clicks a method believes, against which were true: of methods that score events (:class:`ScoresEvents`).

Two questions, both within a user's clicks, as a mask only ever chooses among those: does it score injected clicks
below the user's own, and does it score clicks on looks that the user truly likes above others (simulated)?
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from generation.diffusion.adapter import Adapter, ScoresEvents
from generation.user_history import CLICKED_ROWS
from jobs.lake.arrays import Flags, Floats
from recsys_eval.comparison.figures.collection import Collected
from recsys_eval.comparison.planning import Source
from recsys_eval.people.events import Events, vectors_of_events
from recsys_eval.people.noise import Kind
from recsys_eval.statistics.bootstrap import bootstrap_ratio
from recsys_eval.statistics.lift import Estimate

LIKED = "clicks on looks that the user truly likes"
"""What a clean history's clicks are told apart by."""


@dataclass(frozen=True, kw_only=True)
class Believed:
    """Scores of one user's clicks. ``C`` clicks, newest first."""

    user: str
    scores: Floats
    """(C,)"""
    own: Flags
    """(C,) whether it is the user's own click."""
    liked: Flags
    """(C,) whether they truly like the look of what was clicked."""


def pairs_in_order(good: Flags, scores: Floats) -> tuple[float, int]:
    """Pairs of a good and another event in which the good one scores higher, ties one half; and all such pairs.

    Examples
    --------
    >>> pairs_in_order(np.array([True, False, False]), np.array([0.5, 0.5, 0.1]))
    (1.5, 2)
    """
    above = scores[good][:, None] - scores[~good][None, :]
    return float((above > 0).sum() + 0.5 * (above == 0).sum()), int(above.size)


def auc_within(users: list[Believed], good: str, *, resamples: int, seed: int) -> Collected | None:
    """Probability that a good click of a user scores above another of theirs; users are resampled.

    ``good`` is a field of :class:`Believed`. None where no user has clicks of both kinds.
    """
    counted = [pairs_in_order(getattr(user, good), user.scores) for user in users]
    kept = [(right, pairs) for right, pairs in counted if pairs]
    if not kept:
        return None
    right, pairs = (np.array(column, np.float64) for column in zip(*kept, strict=True))
    found = bootstrap_ratio(right, pairs, np.arange(len(kept)), n=resamples, seed=seed)
    return Collected(
        found=Estimate(value=found.value, low=found.low, high=found.high), users=len(kept), items=int(pairs.sum())
    )


def believed(adapter: ScoresEvents, source: Source, events: Events, users: list[str]) -> Iterator[Believed]:
    """What an adapter scores users' clicks; those with more clicks than a history tells one by one are left out."""
    looks = _families(source)
    taste = source.world.style_taste
    number = dict(zip(users, source.world.user_index(users).tolist(), strict=True))
    told = {each.segment_id: each for each in source.users(events) if each.history is not None}
    for user in users:
        profile = told.get(user)
        newest = events.of(user).reverse()
        known = newest.filter(np.isfinite(vectors_of_events(newest, source.catalogue)).all(axis=1))
        clicks = known.filter(known["clicked"])
        if profile is None or profile.history is None or not 0 < len(clicks) <= CLICKED_ROWS:
            continue
        preference = np.concatenate([profile.pref_embedding, profile.pref_style])[None]
        with torch.inference_mode():
            scores = adapter.event_scores(
                torch.from_numpy(preference.astype(np.float32)), torch.from_numpy(profile.history[None])
            )
        family = np.array([looks.get(cover, -1) for cover in clicks["cover_id"]])
        yield Believed(
            user=user,
            scores=scores[0, : len(clicks)].double().numpy(),
            own=~clicks["injected"].to_numpy().astype(bool),
            liked=(family >= 0) & (taste[number[user], family] > 0),
        )


def _families(source: Source) -> Mapping[str, int]:
    """Family of every real drawing, by cover."""
    covers = source.world.items.cover_ids
    return {str(cover): family for family in range(covers.shape[1]) for cover in covers[:, family] if cover}


def mask_figures(
    adapter: Adapter | None, source: Source, rows: Flags, noise: Mapping[str, tuple[Kind, float]], *, resamples: int
) -> Iterator[tuple[str, Collected]]:
    """AUC of an adapter's scores by what is told apart; nothing of one that scores no events.

    Parameters
    ----------
    adapter
        Of an arm.
    source
        Users and their events.
    rows
        (U,) users with noise.
    noise
        Kind and share by the name of the noise.
    resamples
        Of the bootstrap over users.
    """
    if not isinstance(adapter, ScoresEvents):
        return
    everybody = [user for user, clicks in zip(source.cast.people.ids, source.cast.people.clicks, strict=True) if clicks]
    clean = list(believed(adapter, source, source.events, everybody))
    found = auc_within(clean, "liked", resamples=resamples, seed=source.seed)
    if found is not None:
        yield LIKED, found
    some = [user for user, chosen in zip(source.cast.people.ids, rows, strict=True) if chosen]
    for name, (kind, share) in noise.items():
        noisy = list(believed(adapter, source, source.noisy_events(rows, share, kind), some))
        found = auc_within(noisy, "own", resamples=resamples, seed=source.seed)
        if found is not None:
            yield f"own clicks, {name}", found
