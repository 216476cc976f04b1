"""Byte-level BPE of titles, the prompt that a title is written after, and marks that copy from it.

The prompt is::

    <lang:en> label <word> word <word> word <w0:2> <w1:5> <title> ...the title... <end>

Within a title a copy mark stands for the whole label, or for the n-th word, of the prompt (as the
copy mode of Gu et al., "Incorporating Copying Mechanism in Sequence-to-Sequence Learning", ACL 2016,
with the place to copy from told by name): an item that launches tonight, whose name nobody has seen,
is written without a slip. A title that has its label otherwise, inflected say, is written in letters.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from generation.personalization.dppmg.titles.content import WORDS_READ, TitleContent

VOCABULARY = 1024
LEVELS = (16, 16)
"""Words codes a level; code -1 is none."""
PROMPT_TOKENS, TITLE_TOKENS = 96, 60
"""At most; the words of a longer prompt are cut from the end."""
PADDING, END, TITLE, WORD = "<pad>", "<end>", "<title>", "<word>"
COPIES = ("<copy:label>", *(f"<copy:word{number}>" for number in range(WORDS_READ)))
"""Marks that stand for the label and the words of the prompt, in their order."""
CODE_MARKS = tuple(f"<w{level}:{code}>" for level, size in enumerate(LEVELS) for code in (*range(size), "none"))
"""Marks of the words codes, level by level."""
BROKEN = "\ufffd"
"""What a mark without its word becomes, as broken bytes do; no title with it passes the checks."""


def special_tokens(languages: Sequence[str]) -> list[str]:
    """Marks of the prompt: structure, languages and words codes."""
    return [PADDING, END, TITLE, WORD, *COPIES, *(f"<lang:{language}>" for language in languages), *CODE_MARKS]


def train_tokenizer(texts: Iterable[str], languages: Sequence[str]) -> Tokenizer:
    """A tokenizer of these texts; the same texts in the same order give the same one."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\s"), "isolated"),
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special_tokens(languages),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


class Prompting(Protocol):
    """Prompts and titles as numbers: the built-in writer's, or a public language model's."""

    @property
    def fingerprint(self) -> str:
        """16 hex digits of what it does."""
        ...

    @property
    def code_rows(self) -> list[int]:
        """Numbers of the words codes' tokens, as ``CODE_MARKS`` has them."""
        ...

    def id_of(self, mark: str) -> int:
        """Number of ``PADDING``, which no text has, of ``END`` or of a words code; KeyError of another."""
        ...

    def prompt(self, content: TitleContent, language: str, codes: Sequence[int]) -> list[int]:
        """Numbers before the title; a code of -1 is none. KeyError: the item has no label in the language."""
        ...

    def title(self, text: str, content: TitleContent, language: str) -> list[int]:
        """Numbers of a title and its end, at most ``TITLE_TOKENS``."""
        ...

    def text(self, ids: Sequence[int], content: TitleContent, language: str) -> str:
        """What tokens up to the end say of an item."""
        ...


class TitleTokenizer:
    """Prompts and titles as numbers.

    Parameters
    ----------
    tokenizer
        Of :func:`train_tokenizer`.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, path: Path) -> "TitleTokenizer":
        """From its JSON file."""
        return cls(Tokenizer.from_file(str(path)))

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of what it does."""
        return hashlib.sha256(self.tokenizer.to_str().encode()).hexdigest()[:16]

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Languages that it has a mark of."""
        names = sorted(self.tokenizer.get_vocab())
        return tuple(name[len("<lang:") : -1] for name in names if name.startswith("<lang:"))

    @cached_property
    def code_rows(self) -> list[int]:
        """Numbers of the words codes' tokens."""
        return [self.id_of(mark) for mark in CODE_MARKS]

    @cached_property
    def copy_ids(self) -> list[int]:
        """Numbers of the copy marks, label first."""
        return [self.id_of(mark) for mark in COPIES]

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def id_of(self, mark: str) -> int:
        """Number of a mark.

        Raises
        ------
        KeyError
            There is no such mark.
        """
        found = self.tokenizer.token_to_id(mark)
        if found is None:
            raise KeyError(f"the tokenizer has no {mark}: known languages are {', '.join(self.languages)}")
        return int(found)

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text; a mark written in it stays text."""
        pieces = (piece for piece in re.split("(<)", text) if piece)
        return [n for piece in pieces for n in self.tokenizer.encode(piece, add_special_tokens=False).ids]

    def prompt(self, content: TitleContent, language: str, codes: Sequence[int]) -> list[int]:
        """Numbers before the title.

        Parameters
        ----------
        content
            Of the item.
        language
            Of the readers.
        codes
            Words codes, one a level; -1 is none.

        Raises
        ------
        KeyError
            The item has no label in the language, or the tokenizer does not know it.
        """
        label, words = content.told(language)
        head = [self.id_of(f"<lang:{language}>"), *self.encode(label)]
        tail = [self.id_of(mark) for mark in code_marks(codes)]
        tail.append(self.id_of(TITLE))
        for word in words:
            told = [self.id_of(WORD), *self.encode(word)]
            if len(head) + len(told) + len(tail) > PROMPT_TOKENS:
                break
            head += told
        return head[: PROMPT_TOKENS - len(tail)] + tail

    def title(self, text: str, content: TitleContent, language: str) -> list[int]:
        """Numbers of a title and its end, with copy marks where it has the label or words of its item."""
        label, words = content.told(language)
        pieces: list[str | int] = [text]
        for mark, copied in zip(self.copy_ids, (label, *words), strict=False):
            pieces = _marked(pieces, copied, mark)
        ids = [n for piece in pieces for n in ([piece] if isinstance(piece, int) else self.encode(piece))]
        return [*ids[: TITLE_TOKENS - 1], self.id_of(END)]

    def text(self, ids: Sequence[int], content: TitleContent, language: str) -> str:
        """What tokens up to the end say of an item; broken bytes and empty marks become ``BROKEN``."""
        label, words = content.told(language)
        copied = dict(zip(self.copy_ids, (label, *words), strict=False))
        found, plain = "", list[int]()
        for number in ids:
            if number == self.id_of(END):
                break
            if number in self.copy_ids:
                found += self._plain(plain) + copied.get(number, BROKEN)
                plain = []
            else:
                plain.append(number)
        return found + self._plain(plain)

    def _plain(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)) if ids else ""


def code_marks(codes: Sequence[int]) -> list[str]:
    """The marks of words codes, one a level.

    Examples
    --------
    >>> code_marks((2, -1))
    ['<w0:2>', '<w1:none>']
    """
    return [f"<w{level}:{'none' if code < 0 else code}>" for level, code in enumerate(codes)]


def _marked(pieces: list[str | int], copied: str, mark: int) -> list[str | int]:
    """Pieces of a title with the first occurrence of a copied text replaced by its mark."""
    for at, piece in enumerate(pieces):
        if isinstance(piece, str) and copied and copied in piece:
            before, _, after = piece.partition(copied)
            inner: list[str | int] = [part for part in (before, mark, after) if part != ""]
            return [*pieces[:at], *inner, *pieces[at + 1 :]]
    return pieces
