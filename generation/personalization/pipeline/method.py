"""The ``profile`` method in words: what a pipeline that was never told a preference can be told."""

import re
from collections.abc import Mapping
from dataclasses import replace

from conf.settings import GenerationSettings
from generation.personalization.profile.method import ProfileMethod
from generation.types import Conditioning, ItemContent, SegmentProfile

OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
"""A part of a template that stands only where all that it names is known."""


class WordedProfile(ProfileMethod):
    """The prompt of an item for a segment by the template ``generation.prompt``; the preference is kept beside it.

    Parameters
    ----------
    settings
        Of the night.
    """

    def __init__(self, settings: GenerationSettings) -> None:
        self.template = settings.prompt

    def condition(self, segment: SegmentProfile, item: ItemContent) -> Conditioning:
        """Prompt and (160,) preference, of which the pipeline sees the prompt alone."""
        words = {"title": item.title, "tags": ", ".join(item.tags), "likes": ", ".join(segment.likes)}
        return replace(super().condition(segment, item), prompt=filled(self.template, words))


def filled(template: str, words: Mapping[str, str]) -> str:
    """A template with its words.

    Examples
    --------
    >>> filled("{title}[, {tags}][, for lovers of {likes}]", {"title": "Alien", "tags": "", "likes": "horror"})
    'Alien, for lovers of horror'
    """

    def kept(part: re.Match[str]) -> str:
        inside = part.group(1)
        named = [name for name in words if f"{{{name}}}" in inside]
        return inside if all(words[name] for name in named) else ""

    return OPTIONAL.sub(kept, template).format_map(words)
