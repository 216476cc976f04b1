"""What a night gives to whoever trains or asks the writer: content, events, tastes, codes, groups and checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from conf.errors import UsageError
from generation.personalization.dppmg.titles.checks import LanguageSense, TitleChecks, language_texts, taken_names
from generation.personalization.dppmg.titles.content import TitleContent, read_content
from generation.personalization.dppmg.titles.groups import WordsCodes, fit_codes, groups_of
from generation.personalization.dppmg.titles.reward import TitleReward, preference_of
from generation.personalization.dppmg.titles.taste import TitleEvents, TitleTastes, read_events, tastes_of
from jobs.lake.arrays import Floats
from jobs.lake.context import Context
from jobs.lake.examination import read_examination
from jobs.lake.splits import split_of


@dataclass(frozen=True, kw_only=True)
class Material:
    """Of one night."""

    content: dict[str, TitleContent]
    events: TitleEvents
    tastes: TitleTastes
    codes: WordsCodes
    examination: Floats
    """(p,) of positions from 1."""
    blocked: tuple[str, ...] = ()
    """Words that no title may have."""

    @cached_property
    def groups(self) -> list[str]:
        """(U,) the words group of every user of the tastes; empty without a language."""
        return groups_of(self.tastes, self.codes)

    @cached_property
    def reward(self) -> TitleReward:
        """What titles are worth, and their checks."""
        titles: dict[str, set[str]] = {}
        for title, made in zip(self.events.titles, self.events.made, strict=True):
            if made:
                titles.setdefault(made.language, set()).add(title)
        sense = LanguageSense(language_texts(self.content.values(), titles))
        return TitleReward(
            preference_of(self.events, self.tastes, self.groups, self.examination),
            TitleChecks(sense, self.blocked, taken_names(self.content.values())),
        )

    @property
    def languages(self) -> list[str]:
        """Languages that items have labels in, by name."""
        return sorted({language for one in self.content.values() for language in one.labels})

    def of_split(self, split: str) -> list[TitleContent]:
        """Contents of the items of a split."""
        return [one for item, one in self.content.items() if split_of(item) == split]

    def labels(self) -> dict[str, Sequence[str]]:
        """Labels of training items by language."""
        return {
            language: [one.labels[language] for one in self.of_split("train") if language in one.labels]
            for language in self.languages
        }


def read_material(ctx: Context, codes: WordsCodes | None = None) -> Material:
    """Events up to the night, tastes, and codes, fitted where none are given.

    Raises
    ------
    UsageError
        No item has a label by language.
    """
    content = read_content(ctx.lake)
    if not content:
        raise UsageError("no item has labels by language: fill `labels` of the items (docs/input-contract.md)")
    events = read_events(ctx.lake, ctx.ds, content)
    examination = read_examination(ctx.lake, ctx.ds)
    tastes = tastes_of(events, examination)
    if codes is None:
        codes = fit_codes(tastes, floor=ctx.settings.features.segment_min_size, seed=ctx.settings.features.seed)
    return Material(
        content=content,
        events=events,
        tastes=tastes,
        codes=codes,
        examination=examination,
        blocked=ctx.settings.policy.blocked_words,
    )


def told_night(ctx: Context) -> str:
    """Which night it is, for a manifest."""
    simulated = ctx.settings.ingest.source == "stickers"
    world = f" with world.wording={ctx.settings.world.wording}" if simulated else ""
    return f"the night of {ctx.ds} from the source {ctx.settings.ingest.source}{world}"
