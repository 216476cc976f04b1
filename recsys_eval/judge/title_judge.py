"""Of which subject, language and kind a written title is: the nearest of all true strings by chrF.

True strings are what the stickers world may show: every subject in every language, plain,
descriptive, and playful in all frames. The judge has learned nothing and shares nothing with what
writes titles. chrF (Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT
2015) is asked of ``sacrebleu``, with the title as the reference: what counts is how much of the
title a true string explains, or a bare label would be nearest to all that contains it. Because it
would be asked 31,000 times a title, a shortlist comes first from the same statistics as sparse
products.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from sacrebleu.metrics.chrf import CHRF
from scipy.sparse import csr_matrix

from jobs.lake.arrays import Floats
from jobs.simulator.wording import KINDS, all_wordings
from jobs.stickers.pack import LANGUAGES, Subject

ORDERS = range(1, 7)
"""Lengths of character n-grams, as chrF's default."""
BETA = 2.0
"""Recall counts beta squared times as much as precision."""
SHORTLIST = 8
"""Strings of the sparse ranking that sacrebleu decides between."""
CHUNK = 64
"""Titles at once: their scores against all strings fill about 16 MB."""


class Reading(NamedTuple):
    """What a title says."""

    subject: int
    """Number in the subjects."""
    language: str
    kind: int
    """Number in ``wording.KINDS``."""
    similarity: float
    """chrF to the nearest true string, 0 to 1."""

    def tells(self, subject: int, language: str) -> float:
        """How well the title tells a subject in a language, 0 to 1; 0 of another subject or language."""
        return self.similarity if (self.subject, self.language) == (subject, language) else 0.0


class TrueString(NamedTuple):
    """A string of the world and what it says."""

    text: str
    subject: int
    language: str
    kind: int


def true_strings(subjects: Sequence[Subject]) -> list[TrueString]:
    """All of them, subject by subject; one text may stand several times."""
    return [
        TrueString(text, number, language, kind)
        for number, subject in enumerate(subjects)
        for language in LANGUAGES
        for kind in range(len(KINDS))
        for text in all_wordings(subject, kind, language)
    ]


class TitleJudge:
    """Reads titles.

    Parameters
    ----------
    subjects
        All subjects that a title may be about.
    """

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self.said: dict[str, list[TrueString]] = {}
        for string in true_strings(subjects):
            self.said.setdefault(string.text, []).append(string)
        self.texts = list(self.said)
        self._chrf = CHRF()

    def read(self, titles: Sequence[str], meant: Sequence[tuple[int, str]]) -> list[Reading]:
        """What each title says.

        Parameters
        ----------
        titles
            Any texts.
        meant
            Subject and language that each was to be about: of equal true strings ("pizza" is one in
            three languages) the one that was meant is taken.

        Returns
        -------
        list
            A reading a title; an empty title, or one without any letter of a true string, is as near to all.
        """
        places = {text: place for place, text in enumerate(dict.fromkeys(titles))}
        nearest = self._nearest(list(places))
        readings = []
        for text, (subject, language) in zip(titles, meant, strict=True):
            score, found = nearest[places[text]]
            strings = [string for near in found for string in self.said[near]]
            best = min(strings, key=lambda s: (s.subject != subject, s.language != language, s.kind))
            readings.append(Reading(best.subject, best.language, best.kind, score))
        return readings

    def similarity(self, title: str, string: str) -> float:
        """How near a true string is to a title by chrF, 0 to 1."""
        return float(self._chrf.sentence_score(string, [title]).score) / 100

    def _nearest(self, titles: Sequence[str]) -> list[tuple[float, list[str]]]:
        """Greatest similarity of each title, and the true strings that reach it."""
        found = []
        for start in range(0, len(titles), CHUNK):
            part = titles[start : start + CHUNK]
            for title, scores in zip(part, self._strings.scores(part), strict=True):
                best = np.argsort(-scores)[:SHORTLIST]
                exact = {self.texts[place]: self.similarity(title, self.texts[place]) for place in best}
                top = max(exact.values())
                found.append((top, [text for text, score in exact.items() if score == top]))
        return found

    @cached_property
    def _strings(self) -> "ChrfTable":
        return ChrfTable(self.texts)


class ChrfTable:
    """chrF of texts against many strings at once.

    The overlap of two multisets of n-grams is a product of 0-1 vectors when the k-th occurrence of
    an n-gram is a feature of its own.

    Parameters
    ----------
    strings
        What texts are compared with.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._places: list[dict[tuple[str, int], int]] = []
        self._tables: list[csr_matrix] = []
        self._totals: list[Floats] = []
        for order in ORDERS:
            grams = [_grams(text, order) for text in strings]
            places: dict[tuple[str, int], int] = {}
            for gram in (gram for row in grams for gram in row):
                places.setdefault(gram, len(places))
            self._places.append(places)
            self._tables.append(_indicators(grams, places).T.tocsr())
            self._totals.append(np.array([len(row) for row in grams], np.float64))

    def scores(self, texts: Sequence[str]) -> Floats:
        """(n_texts, n_strings) chrF of each string against each text, 0 to 1.

        Of the means of precision and recall over the orders that both have.
        """
        shape = (len(texts), len(self._totals[0]))
        precision, recall, used = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for order, places, table, total in zip(ORDERS, self._places, self._tables, self._totals, strict=True):
            grams = [_grams(text, order) for text in texts]
            own = np.array([len(row) for row in grams], np.float64)[:, None]
            common = np.asarray((_indicators(grams, places) @ table).todense())
            both = (own > 0) & (total > 0)
            precision += np.where(both, common / np.maximum(total, 1), 0)
            recall += np.where(both, common / np.maximum(own, 1), 0)
            used += both
        used = np.maximum(used, 1)
        precision, recall = precision / used, recall / used
        under = BETA**2 * precision + recall
        return np.asarray(np.where(under > 0, (1 + BETA**2) * precision * recall / np.where(under > 0, under, 1), 0))


def _grams(text: str, order: int) -> list[tuple[str, int]]:
    """N-grams of the text without spaces, each with the number of its occurrence."""
    letters = "".join(text.split())
    seen: Counter[str] = Counter()
    grams = []
    for start in range(len(letters) - order + 1):
        gram = letters[start : start + order]
        grams.append((gram, seen[gram]))
        seen[gram] += 1
    return grams


def _indicators(grams: Sequence[Iterable[tuple[str, int]]], places: dict[tuple[str, int], int]) -> csr_matrix:
    """(n_rows, n_places) with 1 where a row has the n-gram."""
    columns = [[places[gram] for gram in row if gram in places] for row in grams]
    flat = np.array([place for row in columns for place in row], np.int64)
    ends = np.cumsum([0, *(len(row) for row in columns)])
    return csr_matrix((np.ones(len(flat)), flat, ends), shape=(len(columns), max(len(places), 1)))
