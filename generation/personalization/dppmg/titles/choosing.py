"""Write, check, choose: titles of items for words groups, as the night stores them."""

from collections.abc import Sequence
from dataclasses import dataclass

from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.groups import group_parts, prompt_codes
from generation.personalization.dppmg.titles.reward import Judged, TitleReward, best_of
from generation.personalization.dppmg.titles.writer import Asked, Writer


@dataclass(frozen=True)
class Written:
    """All that was written of one item for one group."""

    candidates: tuple[str, ...]
    """The likeliest first, then samples; repeats are kept."""
    judged: tuple[Judged, ...]
    chosen: int | None
    """Number of the candidate to keep; None: none passed."""
    plain: str
    """The item's label in the group's language."""

    @property
    def title(self) -> str:
        """What the group is to read: the chosen title, or the plain one."""
        return self.plain if self.chosen is None else self.candidates[self.chosen]

    @property
    def first_passed(self) -> bool:
        """Whether the first candidate passes the checks."""
        return not self.judged[0].failed


def write_titles(
    writer: Writer,
    reward: TitleReward,
    contents: Sequence[TitleContent],
    groups: Sequence[str],
    *,
    samples: int,
    seed: int,
) -> list[list[Written]]:
    """Titles by item and group.

    Parameters
    ----------
    writer
        Writes the candidates.
    reward
        Judges them.
    contents
        Of items, each with a label in every group's language.
    groups
        Ids of words groups.
    samples
        Candidates beside the likeliest.
    seed
        Of the samples.

    Raises
    ------
    KeyError
        An item has no label in a group's language.
    """
    pairs = [(content, group, *group_parts(group)) for content in contents for group in groups]
    asked = [Asked(content, language, prompt_codes(code)) for content, _, language, code in pairs]
    found = []
    for (content, group, language, _), titles in zip(
        pairs, writer.write(asked, samples=samples, seed=seed), strict=True
    ):
        judged = [reward.judge(title, content, group, language) for title in titles]
        found.append(Written(tuple(titles), tuple(judged), best_of(judged), content.labels[language]))
    return [found[at : at + len(groups)] for at in range(0, len(found), len(groups))]
