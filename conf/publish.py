"""Settings of publishing: the crops that the feed shows."""

from typing import Annotated, Literal

from pydantic import Field

from conf.section import Section

PictureFormat = Literal["webp-lossless", "webp", "jpeg", "avif"]
"""What painted covers and their crops may be stored as."""


class PublishSettings(Section):
    """What is made of published covers."""

    crops: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")],
        Annotated[str, Field(pattern=r"^[1-9]\d{0,3}x[1-9]\d{0,3}$")],
    ] = Field(default_factory=dict)
    """``WIDTHxHEIGHT`` in pixels by name, as ``thumbnail: 160x160``: made once for every published cover, around what
    draws the eye (docs/your-feed.md)."""
    crop_format: PictureFormat = "webp"
    crop_quality: int = Field(default=85, ge=1, le=100)

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Width and height of each crop, pixels, by name."""
        return {
            name: (int(width), int(height)) for name, text in self.crops.items() for width, height in [text.split("x")]
        }
