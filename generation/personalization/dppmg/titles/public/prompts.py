"""Prompts of titles for a public language model, in its own tokens with the words codes' beside them.

Label and words come from the feed. They are encoded as plain text: a mark of the model or a words code that stands in
them stays text, and gives no order to a model that follows a chat's marks.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.tokenizer import CODE_MARKS, END, PADDING, TITLE_TOKENS, code_marks

ASKED = "Write one short title for a picture."
PAD_MARK = "<title:pad>"
"""Of a token that pads: a model's own padding may be its end, which chats have inside a prompt."""
_CONTENT = "\ue000"


@dataclass(frozen=True)
class Wrapping:
    """What stands around what is asked, with the marks of the model's chat.

    It is kept beside the weights, since a template may look at the clock.
    """

    before: str
    after: str

    @classmethod
    def of(cls, tokenizer: Any) -> "Wrapping":
        """By the tokenizer's chat template; a line of its own before the title, where it has none.

        Raises
        ------
        ValueError
            The template leaves out what a user says.
        """
        if not tokenizer.chat_template:
            return cls("", "\nTitle:\n")
        told = [{"role": "user", "content": _CONTENT}]
        rendered = tokenizer.apply_chat_template(told, add_generation_prompt=True, tokenize=False)
        before, found, after = rendered.partition(_CONTENT)
        if not found:
            raise ValueError("the tokenizer's chat template leaves out what a user says: mend it, or take it out")
        return cls(before, after)

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


class PublicTokenizer:
    """Prompts and titles as numbers of a public model, see :class:`~..tokenizer.Prompting`.

    Parameters
    ----------
    tokenizer
        Of ``transformers``, fast; gets a token for padding and for every words code.
    wrapping
        Around what is asked; None is the tokenizer's own.

    Raises
    ------
    ValueError
        The tokenizer has no fast form, no token that ends a text, or a chat template that leaves out what is asked.
    """

    def __init__(self, tokenizer: Any, wrapping: Wrapping | None = None) -> None:
        if not tokenizer.is_fast:
            raise ValueError("the tokenizer has no fast form: save it with its tokenizer.json")
        if tokenizer.eos_token_id is None:
            raise ValueError("the tokenizer has no token that ends a text: give a model with an eos_token")
        own = tokenizer.backend_tokenizer.to_str() + str(tokenizer.chat_template)
        self.fingerprint = hashlib.sha256(own.encode()).hexdigest()[:16]
        self.tokenizer, self.wrapping = tokenizer, wrapping or Wrapping.of(tokenizer)
        tokenizer.add_tokens([PAD_MARK, *CODE_MARKS], special_tokens=True)
        marks = {PADDING: PAD_MARK, **{mark: mark for mark in CODE_MARKS}}
        self._ids = {mark: int(tokenizer.convert_tokens_to_ids(own)) for mark, own in marks.items()}
        self._ids[END] = int(tokenizer.eos_token_id)

    @cached_property
    def code_rows(self) -> list[int]:
        """Numbers of the words codes' tokens."""
        return [self._ids[mark] for mark in CODE_MARKS]

    def __len__(self) -> int:
        return len(self.tokenizer)

    def id_of(self, mark: str) -> int:
        """Number of ``PADDING``, ``END`` or a words code; KeyError of another."""
        return self._ids[mark]

    @cached_property
    def _around(self) -> tuple[list[int], list[int]]:
        """Numbers before and after what is asked; without a chat, what the tokenizer begins every text with."""
        before = self.wrapping.before
        opening = self._marked(before) if before else list(self.tokenizer("").input_ids)
        return opening, self._marked(self.wrapping.after)

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
            The item has no label in the language.
        """
        label, words = content.told(language)
        asked = f"{ASKED}\nLanguage: {language}\nPicture: {label}\nWords: {', '.join(words)}\nReaders: "
        before, after = self._around
        return [*before, *self._plain(asked), *(self._ids[mark] for mark in code_marks(codes)), *after]

    def title(self, text: str, _content: TitleContent, _language: str) -> list[int]:
        """Numbers of a title and its end."""
        return [*self._plain(text)[: TITLE_TOKENS - 1], self._ids[END]]

    def text(self, ids: Sequence[int], _content: TitleContent, _language: str) -> str:
        """What tokens up to the end say, without marks and outer spaces; broken bytes become ``BROKEN``."""
        end = self._ids[END]
        said = list(ids[: ids.index(end)] if end in ids else ids)
        return str(self.tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False)).strip()

    def _plain(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids)

    def _marked(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)
