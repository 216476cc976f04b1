"""What a written title is worth to a words group, and whether it may be stored at all.

The personal part is the group's own words taste (:mod:`taste`), added to what the log says of
everybody: clicks over the clicks expected of positions and users, by what a title is made of. The
click model is not asked: what it says of two groups hardly differs (docs/experiments/2026-11-29_titles.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from generation.personalization.dppmg.titles.checks import TitleChecks
from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.groups import group_parts, members
from generation.personalization.dppmg.titles.makeup import make_up, parts
from generation.personalization.dppmg.titles.taste import TitleEvents, TitleTastes, expected_clicks
from jobs.lake.arrays import Floats

SHRINKAGE = 20.0
"""Expected clicks that the log of a ratio is shrunk by."""
LEAST_SEEN = 0.02
"""Share of impressions below which a make-up counts as never shown: what is read in a few odd titles is no reason to
write more of them."""
INVALID = -0.6
"""Reward of a title that fails a check: less than any that passes, and not so much less that beside one of them the
others look alike."""


@dataclass(frozen=True)
class WordsPreference:
    """Logits by make-up: rows of ``values`` are label alone, item's words, phrase, both."""

    everybody: Floats
    """(4,) relative to the label alone; NaN where nobody was shown such titles."""
    groups: Mapping[str, Floats]
    """Group to (2,) the mean taste of its users for the two parts."""

    def values(self, group: str) -> Floats:
        """(4,) logits of the make-ups; a make-up that nobody was shown is worth the worst of those that were."""
        words, phrase = self.groups.get(group, np.zeros(2))
        added = self.everybody + np.array([0.0, words, phrase, words + phrase])
        return np.asarray(np.where(np.isnan(added), np.nanmin(added), added))

    def of(self, title: str, content: TitleContent, group: str, language: str) -> float:
        """What a title adds for a group, relative to the label alone."""
        has = parts([make_up(title, content, [language])])[0]
        return float(self.values(group)[int(has @ (1, 2))])


def preference_of(
    events: TitleEvents, tastes: TitleTastes, groups: Sequence[str], examination: Floats
) -> WordsPreference:
    """Of everybody and of every group.

    Parameters
    ----------
    events, tastes
        Of one night.
    groups
        (U,) the group of every user of the tastes.
    examination
        (p,) of positions, as :func:`taste.expected_clicks` takes it.
    """
    kind = (parts(events.made) @ (1, 2)).astype(np.int64)
    shown = np.bincount(kind, minlength=4)
    clicks = np.bincount(kind, events.clicked, 4) + SHRINKAGE
    expected = np.bincount(kind, expected_clicks(events, examination), 4) + SHRINKAGE
    ratio = np.where(shown >= LEAST_SEEN * len(kind), np.log(clicks / expected), np.nan)
    base = ratio[0] if np.isfinite(ratio[0]) else 0.0
    ratio[0] = base
    row = {user: number for number, user in enumerate(tastes.users)}
    return WordsPreference(
        everybody=ratio - base,
        groups={
            group: tastes.taste[[row[user] for user in users]].mean(axis=0)
            for group, users in members(tastes.users, groups).items()
            if group_parts(group)[1] >= 0  # of users without a click nothing is known: everybody's
        },
    )


@dataclass(frozen=True)
class Judged:
    """A title's rewards and checks."""

    personal: float
    failed: tuple[str, ...]

    @property
    def total(self) -> float:
        """What titles are chosen and learned by."""
        return INVALID if self.failed else self.personal


class TitleReward:
    """Rewards of titles.

    Parameters
    ----------
    preference
        Of the groups.
    checks
        Of the feed.
    """

    def __init__(self, preference: WordsPreference, checks: TitleChecks) -> None:
        self.preference, self.checks = preference, checks

    def judge(self, title: str, content: TitleContent, group: str, language: str) -> Judged:
        """Of one title."""
        return Judged(
            personal=self.preference.of(title, content, group, language),
            failed=self.checks.failed(title, content, language),
        )


def best_of(judged: Sequence[Judged]) -> int | None:
    """The title to keep: the best by reward of those that pass, the first of equals; None where none does.

    Examples
    --------
    >>> best_of([Judged(0.5, ("label",)), Judged(0.1, ()), Judged(0.3, ())])
    2
    >>> best_of([Judged(0.5, ("label",))]) is None
    True
    """
    passing = [number for number, one in enumerate(judged) if not one.failed]
    return max(passing, key=lambda number: judged[number].total) if passing else None
