"""What an ICG model is made of; saved beside its weights."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from conf.errors import UsageError
from conf.settings import IcgSettings

Tuning = Literal["frozen", "lora"]

INSTRUCTION = "Describe the look of a cover for {title!r} that keeps the subject of this picture."
"""What the multimodal model is asked; ``{title}`` is the item's title."""


@dataclass(frozen=True, kw_only=True)
class IcgConfig:
    """Settings of an ICG model over public checkpoints."""

    mllm: str
    """Local folder or hub id of an image-text-to-text model of ``transformers``."""
    generator: str
    """Local folder or hub id of a text-to-image pipeline of ``diffusers``."""
    allow_download: bool = False
    """False takes local folders and the local hub cache only."""
    meta_tokens: int = 64
    """Learned queries appended to the multimodal model's input; also the length of the conditioning."""
    user_dim: int = 160
    """Width of a user's or a segment's preference: aligned part, then style."""
    embedding_dim: int = 128
    """Where the style part of a preference begins."""
    width: int = 512
    """Width of refinement and connector."""
    layers: int = 2
    """Transformer layers of the connector."""
    mllm_tuning: Tuning = "frozen"
    """Whether the multimodal model's own weights stay as they are or get LoRA."""
    generator_tuning: Tuning = "frozen"
    """The same for the generator."""
    lora_rank: int = 16
    instruction: str = INSTRUCTION
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the two base models; what is trained stays float32."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

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
        return cls(**settings.model_dump())

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "IcgConfig":
        """Of :meth:`as_dict`.

        Raises
        ------
        ValueError
            A key that no setting has.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"An ICG configuration has no {unknown}: known are {[f.name for f in fields(cls)]}")
        return cls(**values)
