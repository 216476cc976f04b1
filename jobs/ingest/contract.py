"""The input contract as data: fields of each source, and the reasons a row is refused for.

``docs/input-contract.md`` says the same in words.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "string", "timestamp", "int", "long", "double", "bool", "strings", "binary", "text by language", "words by language"
]


MAPS: tuple[Kind, ...] = ("text by language", "words by language")
"""Kinds whose values are maps, which Spark neither compares nor hashes."""


@dataclass(frozen=True)
class Field:
    """A column of the input."""

    name: str
    kind: Kind
    required: bool = True


@dataclass(frozen=True)
class Source:
    """One of the three inputs."""

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    """Columns that no two rows may share."""
    duplicate: str
    """Reason for the later rows of one key."""


MALFORMED_ROW = "malformed_row"
BAD_TYPE = "bad_type"
MISSING_KEY = "missing_key"
UNKNOWN_ITEM = "unknown_item"
UNKNOWN_COVER = "unknown_cover"
CLICKED_NOT_SHOWN = "clicked_not_shown"
CLOCK_OUTSIDE_WINDOW = "clock_outside_window"
POSITION_OUT_OF_RANGE = "position_out_of_range"
PROPENSITY_OUT_OF_RANGE = "propensity_out_of_range"
NEGATIVE_DWELL = "negative_dwell"
DUPLICATE_IMPRESSION = "duplicate_impression"
DUPLICATE_ITEM = "duplicate_item"
DUPLICATE_COVER = "duplicate_cover"
UNSAFE_PATH = "unsafe_path"
UNREADABLE_IMAGE = "unreadable_image"
IMAGE_BOMB = "image_bomb"
WRONG_HASH = "wrong_hash"
SECOND_DEFAULT = "second_default"
NO_DEFAULT = "no_default"

REASONS: dict[str, str] = {
    MALFORMED_ROW: "the line is no JSON object, or has not as many CSV fields as the header",
    BAD_TYPE: "a value is not of its column's type",
    MISSING_KEY: "a required value is null, empty or absent; of a cover, both path and data are",
    UNKNOWN_ITEM: "item_id is neither among the accepted items nor in the lake",
    UNKNOWN_COVER: "cover_id is no accepted cover of this item, nor one in the lake",
    CLICKED_NOT_SHOWN: "clicked, but without a position from 1 on: it was never on the screen",
    CLOCK_OUTSIDE_WINDOW: "ts is not within the UTC day of its folder",
    POSITION_OUT_OF_RANGE: "position is below 1",
    PROPENSITY_OUT_OF_RANGE: "propensity is not above 0 and at most 1",
    NEGATIVE_DWELL: "dwell_ms is below 0",
    DUPLICATE_IMPRESSION: "another row of the input, or an earlier day in the lake, has this impression_id",
    DUPLICATE_ITEM: "another row has this item_id",
    DUPLICATE_COVER: "another row has this cover_id and item_id",
    UNSAFE_PATH: "path is absolute, a URL, or leaves covers/files/",
    UNREADABLE_IMAGE: "the file is missing, or its bytes are no whole PNG, JPEG, WebP, GIF or AVIF picture",
    IMAGE_BOMB: "the picture has more pixels than ingest.max_picture_pixels",
    WRONG_HASH: "cover_id is not the SHA-256 of the bytes in lower-case hex",
    SECOND_DEFAULT: "another cover of the item is its default already",
    NO_DEFAULT: "no accepted cover of the item is its default, neither here nor in the lake",
}
"""Reason -> what it means. A row is quarantined with all that apply."""

IMPRESSIONS = Source(
    "impressions",
    (
        Field("impression_id", "string"),
        Field("request_id", "string"),
        Field("ts", "timestamp"),
        Field("user_id", "string"),
        Field("item_id", "string"),
        Field("cover_id", "string"),
        Field("position", "int"),
        Field("clicked", "bool"),
        Field("title", "string", required=False),
        Field("dwell_ms", "long", required=False),
        Field("propensity", "double", required=False),
        Field("policy", "string", required=False),
    ),
    ("impression_id",),
    DUPLICATE_IMPRESSION,
)

ITEMS = Source(
    "items",
    (
        Field("item_id", "string"),
        Field("title", "string"),
        Field("category", "string"),
        Field("tags", "strings", required=False),
        Field("created_at", "timestamp"),
        Field("labels", "text by language", required=False),
        Field("words", "words by language", required=False),
    ),
    ("item_id",),
    DUPLICATE_ITEM,
)

COVERS = Source(
    "covers",
    (
        Field("cover_id", "string"),
        Field("item_id", "string"),
        Field("is_default", "bool"),
        Field("path", "string", required=False),
        Field("data", "binary", required=False),
        Field("created_at", "timestamp", required=False),
    ),
    ("cover_id", "item_id"),
    DUPLICATE_COVER,
)
