"""What the writer learns from: titles that training users clicked on training items, and titles of nonsense.

A row is drawn with a chance in proportion to 1 / propensity (cut at a quantile): most impressions
show the plain title, and unweighted the writer would learn to write that. A share of the rows has
label and words replaced by random syllables of the language, in the prompt and in the title: such a
title can only be copied from the prompt, as that of an item which launches tonight must be.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.groups import NONE, WordsCodes, prompt_codes
from generation.personalization.dppmg.titles.taste import TitleEvents, TitleTastes
from generation.personalization.dppmg.titles.tokenizer import Prompting
from jobs.lake.arrays import Floats
from jobs.lake.splits import Split, split_of

CUT = 0.99
"""Quantile of the weights that greater ones are cut to."""
CODE_HIDDEN = 0.15
"""Share of rows whose words codes are not told, for readers without any."""


@dataclass(frozen=True)
class ClickedTitle:
    """A title that somebody clicked."""

    content: TitleContent
    language: str
    code: int
    title: str
    weight: float
    """1 / propensity, before the cut."""


def clicked_titles(
    events: TitleEvents, tastes: TitleTastes, codes: WordsCodes, content: dict[str, TitleContent], split: Split
) -> list[ClickedTitle]:
    """Clicks of training users on items of a split, with a logged propensity and a title that could be read."""
    code = codes.code(tastes.taste, tastes.clicks)
    trains = np.array([split_of(user) == "train" for user in events.users], bool)
    of_split = {item: split_of(item) == split for item in content}
    wanted = (events.clicked > 0) & trains[events.user] & np.isfinite(events.propensity)
    rows = []
    for at in np.flatnonzero(wanted):
        item, made = events.items[int(at)].as_py(), events.made[at]
        if made and of_split[item]:
            user = events.user[at]
            weight = 1 / float(events.propensity[at])
            rows.append(ClickedTitle(content[item], made.language, int(code[user]), events.titles[at], weight))
    return rows


def chances(weights: Floats) -> Floats:
    """(N,) chance of each row: its weight, cut, over the sum.

    Examples
    --------
    >>> chances(np.array([1.0, 3.0])).round(3).tolist()
    [0.251, 0.749]
    """
    cut = np.minimum(weights, np.quantile(weights, CUT))
    return np.asarray(cut / cut.sum())


class Syllables:
    """Nonsense in a language: pieces of real labels, put together anew.

    Parameters
    ----------
    labels
        Labels of training items by language.
    """

    def __init__(self, labels: dict[str, Sequence[str]]) -> None:
        self.labels = {language: [label for label in several if label] for language, several in labels.items()}

    def text(self, language: str, generator: np.random.Generator) -> str:
        """A text of as many words and letters as some real label."""
        words = self._draw(language, generator).split()
        return " ".join(self._word(language, len(word), generator) for word in words[:4])

    def _word(self, language: str, length: int, generator: np.random.Generator) -> str:
        found = ""
        while len(found) < length:
            label = self._draw(language, generator)
            size = int(generator.integers(1, 4))
            start = int(generator.integers(0, max(len(label) - size, 0) + 1))
            found += label[start : start + size].strip()
        return found[: max(length, 2)]

    def _draw(self, language: str, generator: np.random.Generator) -> str:
        several = self.labels[language]
        return several[int(generator.integers(len(several)))]


def nonsense(row: ClickedTitle, syllables: Syllables, generator: np.random.Generator) -> ClickedTitle:
    """The row with label and words replaced in prompt and title; as it is where the title has not the label."""
    label, words = row.content.told(row.language)
    if label not in row.title:
        return row
    before, _, after = row.title.partition(label)
    new, others = syllables.text(row.language, generator), []
    for word in words:
        other = syllables.text(row.language, generator)
        after = after.replace(word, other, 1)
        others.append(other)
    content = TitleContent(row.content.item_id, {row.language: new}, {row.language: tuple(others)})
    return ClickedTitle(content, row.language, row.code, before + new + after, row.weight)


class ClickSampler:
    """Batches of prompts and titles.

    Parameters
    ----------
    rows
        Of :func:`clicked_titles`.
    tokenizer
        Of the prompts.
    syllables
        Of nonsense rows.
    share
        Of nonsense rows in a batch.
    seed
        Of the batches.
    """

    def __init__(
        self,
        rows: Sequence[ClickedTitle],
        tokenizer: Prompting,
        syllables: Syllables,
        *,
        share: float,
        seed: int,
    ) -> None:
        self.rows, self.tokenizer, self.syllables, self.share, self.seed = rows, tokenizer, syllables, share, seed
        self._chances = chances(np.array([row.weight for row in rows]))

    def batch(self, step: int, size: int) -> list[tuple[list[int], list[int]]]:
        """Prompts and titles as numbers; the same step gives the same batch, so that a resumed run goes on alike."""
        generator = np.random.default_rng([self.seed, step])
        drawn = generator.choice(len(self.rows), size, p=self._chances)
        batch = []
        for number, at in enumerate(drawn):
            row = self.rows[at]
            if number < round(self.share * size):
                row = nonsense(row, self.syllables, generator)
            code = NONE if generator.random() < CODE_HIDDEN else row.code
            batch.append(coded(self.tokenizer, row, code))
        return batch


def coded(tokenizer: Prompting, row: ClickedTitle, code: int) -> tuple[list[int], list[int]]:
    """Prompt and title of a row as numbers."""
    return tokenizer.prompt(row.content, row.language, prompt_codes(code)), tokenizer.title(
        row.title, row.content, row.language
    )
