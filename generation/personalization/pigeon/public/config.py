"""What a Pigeon over public checkpoints is made of; saved beside its weights."""

from typing import Any

from conf.settings import PigeonSettings
from generation.personalization.icg.config import INSTRUCTION, from_saved, with_checkpoints

TOLD = (
    "The first {count} pictures are covers that somebody clicked, perhaps some of them by accident. Describe the look "
    "of a cover for {title!r} that they would click too and that keeps the subject of the last picture."
)
"""What the multimodal model is asked; ``{count}`` clicked covers come before the reference."""


class PigeonConfig(PigeonSettings):
    """The settings, with both checkpoints named."""

    mllm: str
    generator: str
    told: str = TOLD
    untold: str = INSTRUCTION
    """What it is asked for nobody in particular: the words of ICG, and the reference alone."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self.model_dump()

    def asked(self, title: str, count: int) -> str:
        """What the multimodal model is asked about an item for somebody who clicked ``count`` covers.

        Examples
        --------
        >>> PigeonConfig(mllm="m", generator="g", told="{count} and {title}", untold="{title}").asked("fox", 2)
        '2 and fox'
        """
        return self.told.format(count=count, title=title) if count else self.untold.format(title=title)

    @classmethod
    def of(cls, settings: PigeonSettings) -> "PigeonConfig":
        """Of the section ``pigeon`` of the settings.

        Raises
        ------
        UsageError
            No checkpoint is named.
        """
        return with_checkpoints(cls, settings, "pigeon")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "PigeonConfig":
        """Of :meth:`as_dict`.

        Raises
        ------
        ValueError
            A key that no setting has, or a value that none takes.
        """
        return from_saved(cls, values, "A Pigeon configuration")
