"""What a written title must be before anything is stored. Checks see the text, the item and the group alone.

Which language a text is in is asked of the content itself, by two rules that hold for short titles,
where detectors of languages fail (lingua 2.1 takes 15 % of the plain English labels of the built-in
world for another of its four languages): its letters are of a script that the items' labels of that
language use, and what it has beside the item's own words is likelier, letter by letter, in that
language than in any other of the feed.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

from generation.personalization.dppmg.titles.content import TitleContent, fold
from generation.personalization.dppmg.titles.tokenizer import BROKEN

SHORTEST, LONGEST = 1, 80
"""Characters; a label of one character ("鷲") is a title."""
LABEL_SHARE = 0.8
"""Of the label's letters that the longest common substring must have."""
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
MARKUP = re.compile(r"[<>{}\\]|https?:|www\.", re.IGNORECASE)
"""What no title has: markup, placeholders, addresses."""
CHECKS = ("form", "length", "markup", "label", "language", "words", "own")
"""Names of the checks, in their order."""
SMOOTHING = 0.2
"""Added to the count of a trigram of letters."""
MAIN_SCRIPT = 0.2
"""Share of a language's letters from which on a script is one that it is written in."""
LEAST_FOREIGN = 6
"""Letters beside label and words from which on their language is asked for."""


class LanguageSense:
    """Which of the feed's languages some letters are likeliest in.

    Naive Bayes over letter trigrams (Cavnar and Trenkle, "N-gram-based text categorization", 1994) of
    labels, words and shown titles by language; nothing is learned beyond their counts.

    Parameters
    ----------
    texts
        By language.
    """

    def __init__(self, texts: Mapping[str, Iterable[str]]) -> None:
        self.counts = {
            language: Counter(gram for text in several for gram in trigrams(text))
            for language, several in texts.items()
        }
        self.scripts = {language: main_scripts(counts) for language, counts in self.counts.items()}
        self._grams = len(set().union(*self.counts.values())) if self.counts else 0
        self._totals = {language: sum(counts.values()) for language, counts in self.counts.items()}

    def likeliest(self, text: str) -> str:
        """The language in which the text has the greatest likelihood; the first by name of equals."""
        return max(sorted(self.counts), key=lambda language: self._log_likelihood(text, language))

    def _log_likelihood(self, text: str, language: str) -> float:
        counts, total = self.counts[language], self._totals[language]
        under = math.log(total + SMOOTHING * (self._grams + 1))
        return sum(math.log(counts[gram] + SMOOTHING) - under for gram in trigrams(text))

    def writes(self, text: str, language: str) -> bool:
        """Whether every letter is of a script that the language is written in."""
        return {script(letter) for letter in text if letter.isalpha()} <= self.scripts.get(language, set())


def trigrams(text: str) -> list[str]:
    """Trigrams of letters, words apart.

    Examples
    --------
    >>> trigrams("Ah, so")
    [' ah', 'ah ', ' so', 'so ']
    """
    words = "".join(letter if letter.isalpha() else " " for letter in text.casefold()).split()
    return [padded[at : at + 3] for padded in (f" {word} " for word in words) for at in range(len(padded) - 2)]


def script(letter: str) -> str:
    """The script of a letter, by its name: the kana and kanji of Japanese are one.

    Examples
    --------
    >>> script("é"), script("キ"), script("狐")
    ('LATIN', 'EAST ASIAN', 'EAST ASIAN')
    """
    name = unicodedata.name(letter, "OTHER").split(" ")[0]
    return "EAST ASIAN" if name in ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC") else name


def main_scripts(counts: Mapping[str, int]) -> set[str]:
    """Scripts of a good share of the letters: Japanese labels have a little Latin, but are not written in it.

    Examples
    --------
    >>> main_scripts({"キツネ": 97, "sos": 3})
    {'EAST ASIAN'}
    """
    letters: Counter[str] = Counter()
    for gram, count in counts.items():
        letters.update({script(letter): count for letter in gram if letter != " "})
    return {name for name, count in letters.items() if count >= MAIN_SCRIPT * letters.total()}


class TitleChecks:
    """All checks of a feed.

    Parameters
    ----------
    sense
        Of its languages.
    blocked
        Words that no title may have, in any case: the policy's.
    taken
        Folded title to the items that are called so, in any language.
    """

    def __init__(self, sense: LanguageSense, blocked: Sequence[str], taken: Mapping[str, frozenset[str]]) -> None:
        self.sense, self.taken = sense, taken
        self.blocked = frozenset(word for word in (fold(each) for each in blocked) if word)

    def failed(self, title: str, content: TitleContent, language: str) -> tuple[str, ...]:
        """Names of the checks that a title fails; none: it may be stored."""
        passed = {
            "form": self._well_formed(title),
            "length": SHORTEST <= len(title) <= LONGEST and bool(fold(title)),
            "markup": not MARKUP.search(title),
            "label": self._has_label(title, content, language),
            "language": self._in_language(title, content, language),
            "words": not self._blocked(title),
            "own": not self.taken.get(fold(title), frozenset()) - {content.item_id},
        }
        return tuple(name for name in CHECKS if not passed[name])

    @staticmethod
    def _well_formed(title: str) -> bool:
        """NFC, one line without outer or doubled spaces, no control, format or broken characters."""
        plain = unicodedata.normalize("NFC", title) == title and " ".join(title.split(" ")).strip() == title
        odd = any(letter in BIDI or letter == BROKEN or unicodedata.category(letter)[0] == "C" for letter in title)
        return plain and "  " not in title and not odd

    @staticmethod
    def _has_label(title: str, content: TitleContent, language: str) -> bool:
        """The longest common substring with the label has most of the label's letters; it is not said twice."""
        wanted, found = content.folded.get(language, ""), fold(title)
        if not wanted:
            return False
        same = SequenceMatcher(None, wanted, found, autojunk=False).find_longest_match()
        twice = content.labels[language] in beside(title, content, language)
        return same.size >= LABEL_SHARE * len(wanted) and not twice

    def _in_language(self, title: str, content: TitleContent, language: str) -> bool:
        """The item's own label and words of that language, and the rest in it too."""
        rest = beside(title, content, language)
        if not self.sense.writes(rest, language):
            return False
        return len(fold(rest)) < LEAST_FOREIGN or self.sense.likeliest(rest) == language

    def _blocked(self, title: str) -> bool:
        words = {fold(word) for word in re.split(r"[\s\W]+", title)}
        return bool(words & self.blocked)


def beside(title: str, content: TitleContent, language: str) -> str:
    """What a title has beside the item's label and words of a language, each taken out once.

    Examples
    --------
    >>> beside("fox: red fox", TitleContent("i", {"en": "fox"}, {"en": ("red",)}), "en")
    ' :   fox'
    """
    rest = title.replace(content.labels.get(language, ""), " ", 1)
    for word in content.words.get(language, ()):
        rest = rest.replace(word, " ", 1)
    return rest


def language_texts(content: Iterable[TitleContent], titles: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Labels, words and shown titles by language: what a :class:`LanguageSense` is made of."""
    found: dict[str, list[str]] = {}
    for one in content:
        for language, label in one.labels.items():
            found.setdefault(language, []).extend((label, *one.words.get(language, ())))
    for language, several in titles.items():
        found.setdefault(language, []).extend(several)
    return found


def taken_names(content: Iterable[TitleContent]) -> dict[str, frozenset[str]]:
    """Folded labels to the items that have them: a title must not be another item's."""
    found: dict[str, set[str]] = {}
    for one in content:
        for label in one.labels.values():
            found.setdefault(fold(label), set()).add(one.item_id)
    return {label: frozenset(items) for label, items in found.items()}
