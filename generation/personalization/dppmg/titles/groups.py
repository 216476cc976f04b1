"""Words groups: a language and a words code, never fewer users than the privacy floor.

Codes are k-means centres of what users like in titles (:mod:`taste`), k the largest for which every
group of every language is large enough; with no such k everybody of a language is one group. A user
who was never seen takes the code of their own events by the same centres. The centres are fitted on
training users alone.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans

from generation.personalization.dppmg.titles.taste import TitleTastes
from generation.personalization.dppmg.titles.tokenizer import LEVELS
from jobs.lake.arrays import Floats, Ints
from jobs.lake.splits import split_of

NONE = -1
"""Code of a user of whom nothing is known."""


@dataclass(frozen=True, kw_only=True)
class WordsCodes:
    """A quantiser of tastes for titles. ``K`` codes."""

    centres: Floats
    """(K, 2), ordered by how much the item's words are liked, then the phrase."""

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the centres."""
        return hashlib.sha256(json.dumps(self.centres.round(6).tolist()).encode()).hexdigest()[:16]

    def code(self, taste: Floats, clicks: Ints) -> Ints:
        """(U,) the nearest centre; none for users without a click."""
        distance = ((taste[:, None, :] - self.centres[None]) ** 2).sum(axis=2)
        return np.where(clicks > 0, distance.argmin(axis=1), NONE)


def fit_codes(tastes: TitleTastes, *, floor: int, seed: int) -> WordsCodes:
    """Centres for which every language x code has ``floor`` users or more, counted over all users.

    Parameters
    ----------
    tastes
        Of all users; centres are fitted on those of the training split with a click.
    floor
        Fewest users of a group.
    seed
        Of k-means.
    """
    known = tastes.clicks > 0
    training = known & np.array([split_of(user) == "train" for user in tastes.users], bool)
    languages = np.array(tastes.language, object)
    best = WordsCodes(centres=np.zeros((1, tastes.taste.shape[1])))
    for count in range(2, LEVELS[0] + 1):
        if training.sum() < count * floor:
            break
        fitted = KMeans(count, n_init=10, random_state=seed).fit(tastes.taste[training])
        centres = fitted.cluster_centers_
        codes = WordsCodes(centres=centres[np.lexsort(centres.T[::-1])])
        found = codes.code(tastes.taste, tastes.clicks)
        sizes = [
            ((found == code) & (languages == language) & known).sum()
            for code in range(count)
            for language in set(languages[known]) - {""}
        ]
        if min(sizes, default=0) < floor:
            break
        best = codes
    return best


def group_name(language: str, code: int) -> str:
    """Id of a words group.

    Examples
    --------
    >>> group_name("de", 2), group_name("en", NONE)
    ('de:2', 'en:none')
    """
    return f"{language}:{'none' if code < 0 else code}"


def group_parts(name: str) -> tuple[str, int]:
    """Language and code of a group's id.

    Examples
    --------
    >>> group_parts("de:2"), group_parts("en:none")
    (('de', 2), ('en', -1))
    """
    language, _, code = name.rpartition(":")
    return language, NONE if code == "none" else int(code)


def prompt_codes(code: int) -> tuple[int, int]:
    """Words codes of a prompt for a group; the second level is not told, or groups would be smaller."""
    return code, NONE


def groups_of(tastes: TitleTastes, codes: WordsCodes) -> list[str]:
    """(U,) the words group of every user; empty without a language."""
    found = codes.code(tastes.taste, tastes.clicks)
    return [
        group_name(language, int(code)) if language else ""
        for language, code in zip(tastes.language, found, strict=True)
    ]


def members(users: Sequence[str], groups: Sequence[str]) -> dict[str, list[str]]:
    """Users by group, in order; users without a group are left out."""
    found: dict[str, list[str]] = {}
    for user, group in zip(users, groups, strict=True):
        if group:
            found.setdefault(group, []).append(user)
    return dict(sorted(found.items()))
