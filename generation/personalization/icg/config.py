"""What an ICG model is made of; saved beside its weights."""

from typing import Any

from pydantic import ValidationError

from conf.errors import UsageError
from conf.settings import IcgSettings

INSTRUCTION = "Describe the look of a cover for {title!r} that keeps the subject of this picture."
"""What the multimodal model is asked; ``{title}`` is the item's title."""


class IcgConfig(IcgSettings):
    """An ICG model over public checkpoints: the settings, both checkpoints named, and the shapes it was built for."""

    mllm: str
    generator: str
    user_dim: int = 160
    """Width of a user's or a segment's preference: aligned part, then style."""
    embedding_dim: int = 128
    """Where the style part of a preference begins."""
    instruction: str = INSTRUCTION

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self.model_dump()

    @classmethod
    def of(cls, settings: IcgSettings) -> "IcgConfig":
        """Of the section ``icg`` of the settings.

        Raises
        ------
        UsageError
            No checkpoint is named.
        """
        for name in ("mllm", "generator"):
            if getattr(settings, name) is None:
                raise UsageError(f"icg.{name} names no checkpoint: give a local folder or a hub id (docs/icg.md)")
        return cls.model_validate(settings.model_dump())

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "IcgConfig":
        """Of :meth:`as_dict`.

        Raises
        ------
        ValueError
            A key that no setting has, or a value that none takes.
        """
        unknown = sorted(set(values) - set(cls.model_fields))
        if unknown:
            raise ValueError(f"An ICG configuration has no {unknown}: known are {list(cls.model_fields)}")
        try:
            return cls.model_validate(values)
        except ValidationError as refused:
            first = refused.errors()[0]
            raise ValueError(f"An ICG configuration: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
