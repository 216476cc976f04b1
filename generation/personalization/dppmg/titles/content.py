"""What an item's title may be written from: its label and words by language, made harmless."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from jobs.lake.lake import Lake

LABEL_LENGTH, WORD_LENGTH = 60, 24
"""Characters of a label and of a word that are read; longer ones are cut."""
WORDS_READ = 4
"""Words of an item that the writer is told."""


@dataclass(frozen=True)
class TitleContent:
    """The words of an item, by language; cleaned."""

    item_id: str
    labels: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]]

    @cached_property
    def folded(self) -> dict[str, str]:
        """Labels as :func:`fold` compares them."""
        return {language: fold(label) for language, label in self.labels.items()}

    def told(self, language: str) -> tuple[str, tuple[str, ...]]:
        """Label and words in a language, the label's own among the words left out.

        Raises
        ------
        KeyError
            The item has no label in the language.
        """
        label = self.labels[language]
        words = tuple(word for word in self.words.get(language, ()) if word.lower() != label.lower())
        return label, words[:WORDS_READ]


def clean(text: str, length: int) -> str:
    """NFC, one line, without control, format and private characters, cut.

    Examples
    --------
    >>> clean(" red" + chr(10) + chr(0x202E) + "fox  ", 60)
    'red fox'
    >>> clean("abcdef", 3)
    'abc'
    """
    normal = unicodedata.normalize("NFC", " ".join(text[: 4 * length].split()))
    kept = "".join(letter for letter in normal if unicodedata.category(letter)[0] != "C")
    return " ".join(kept.split())[:length].strip()


def fold(text: str) -> str:
    """Letters and digits alone, in lower case: what a comparison of words looks at.

    Examples
    --------
    >>> fold("¿Zorro? ¡Sí!")
    'zorrosí'
    """
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def content_of(item_id: str, labels: Mapping[str, str], words: Mapping[str, Iterable[str]]) -> TitleContent:
    """Cleaned content; a label of which nothing is left is not there."""
    told = {language: clean(label, LABEL_LENGTH) for language, label in labels.items() if label}
    kept = {
        language: tuple(word for word in (clean(each, WORD_LENGTH) for each in several or () if each) if word)
        for language, several in words.items()
    }
    return TitleContent(item_id, {language: label for language, label in told.items() if fold(label)}, kept)


def read_content(lake: Lake) -> dict[str, TitleContent]:
    """Items that have a label in some language, by id; empty where the feed gives none."""
    rows = lake.read("items", columns=["item_id", "labels", "words"]).sort_by("item_id").to_pylist()
    found = (
        content_of(row["item_id"], dict(row["labels"] or ()), dict(row["words"] or ())) for row in rows if row["labels"]
    )
    return {content.item_id: content for content in found if content.labels}
