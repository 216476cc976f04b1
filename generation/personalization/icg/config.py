"""What an ICG model is made of; saved beside its weights."""

from typing import Any, TypeVar

from pydantic import ValidationError

from conf.errors import UsageError
from conf.section import Section
from conf.settings import IcgSettings

ConfigT = TypeVar("ConfigT", bound=Section)

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
        return with_checkpoints(cls, settings, "icg")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "IcgConfig":
        """Of :meth:`as_dict`.

        Raises
        ------
        ValueError
            A key that no setting has, or a value that none takes.
        """
        return from_saved(cls, values, "An ICG configuration")


def with_checkpoints(kind: type[ConfigT], settings: Section, section: str) -> ConfigT:
    """A configuration of a section of the settings that names a multimodal model and a generator.

    Raises
    ------
    UsageError
        One of them is not named.
    """
    for name in ("mllm", "generator"):
        if getattr(settings, name) is None:
            raise UsageError(
                f"{section}.{name} names no checkpoint: give a local folder or a hub id (docs/{section}.md)"
            )
    return kind.model_validate(settings.model_dump())


def from_saved(kind: type[ConfigT], values: dict[str, Any], what: str) -> ConfigT:
    """A configuration that was saved; ``what`` begins the message of a ValueError about a key or a value."""
    unknown = sorted(set(values) - set(kind.model_fields))
    if unknown:
        raise ValueError(f"{what} has no {unknown}: known are {list(kind.model_fields)}")
    try:
        return kind.model_validate(values)
    except ValidationError as refused:
        first = refused.errors()[0]
        raise ValueError(f"{what}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
