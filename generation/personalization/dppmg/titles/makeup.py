"""What a title is made of: the item's label, the item's words, and words that are neither.

Nothing is learned and no kind of title is known: a title is compared with what its item is called
in each language. Its make-up is what a reader's taste for titles is told in.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from generation.personalization.dppmg.titles.content import TitleContent, fold
from jobs.lake.arrays import Floats

LEAST_LETTERS = 3
"""Letters that are neither label nor words from which on a title has a phrase of its own; two of a language written
in many letters a word may be a plural."""
PARTS = ("item's words", "phrase")
"""What a title may have beside the label: columns of :func:`parts`."""


class MakeUp(NamedTuple):
    """Of one title."""

    language: str
    """Whose label it has."""
    words: float
    """Share of its letters that are the item's words."""
    phrase: float
    """Share of its letters that are neither label nor words."""


def make_up(title: str, content: TitleContent, languages: Sequence[str] = ()) -> MakeUp | None:
    """What a title is made of; None where it has the item's label in no language.

    Parameters
    ----------
    title
        As it was shown, or is to be.
    content
        Of its item.
    languages
        Languages to look in, the likeliest first; all of the item's by default.

    Examples
    --------
    >>> fox = TitleContent("i", {"en": "fox", "de": "Fuchs"}, {"en": ("red", "animal")})
    >>> make_up("fox: red, animal", fox), make_up("Sag Hallo: Fuchs!", fox)
    (MakeUp(language='en', words=0.75, phrase=0.0), MakeUp(language='de', words=0.0, phrase=0.6153846153846154))
    """
    letters = fold(title)
    found = [one for one in languages or content.labels if one in content.labels and content.folded[one] in letters]
    if not found:
        return None
    # The longest label: "hot dog" is not "dog"; of equal ones the first.
    language = max(found, key=lambda one: len(content.folded[one]))
    rest = letters.replace(content.folded[language], "", 1)
    left = rest
    for word in sorted((fold(word) for word in content.words.get(language, ())), key=len, reverse=True):
        left = left.replace(word, "", 1) if word else left
    phrase = len(left) if len(left) >= LEAST_LETTERS else 0
    return MakeUp(language, (len(rest) - len(left)) / len(letters), phrase / len(letters))


def parts(found: Sequence[MakeUp | None]) -> Floats:
    """(N, 2) 0 or 1: whether each title has the item's words, and a phrase; a title unlike its item has neither."""
    rows = [(0.0, 0.0) if one is None else (float(one.words > 0), float(one.phrase > 0)) for one in found]
    return np.array(rows, np.float64).reshape(len(rows), len(PARTS))
