"""Feeds that the built-in generator does not know: it paints stickers, and little else.

A feed is the built-in world's if every item's default cover is a drawing of the picture pack, byte for byte; any
other is foreign. The bytes tell, not ``ingest.source``: a lake outlives the settings it was filled with.
"""

from dataclasses import dataclass

import pyarrow.compute as pc

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.personalization.methods import adapter_folders, foreign_painters, methods_of
from jobs.lake.lake import Lake
from jobs.stickers.pack import PicturePack

SETTING = "generation.allow_sticker_generator"


@dataclass(frozen=True)
class Feed:
    """What a lake shows by default."""

    items: int
    """Those with a default cover."""
    foreign: int
    """Those of them whose default cover is no drawing of the picture pack."""


def feed_of(lake: Lake) -> Feed:
    """Count the lake's items, and the foreign ones; none where no feed was loaded."""
    if not lake.exists("covers"):
        return Feed(0, 0)
    covers = lake.read("covers", columns=["cover_id", "is_default", "source"])
    default = covers.filter((pc.field("source") == "original") & pc.field("is_default"))["cover_id"].to_pylist()
    drawings = PicturePack.load().digests()
    return Feed(len(default), sum(cover_id not in drawings for cover_id in default))


def sticker_methods(settings: GenerationSettings) -> list[str]:
    """The night's methods that paint by the built-in generator: none of them where ``checkpoint`` names another."""
    if settings.checkpoint is not None:
        return []
    folders = adapter_folders(settings)
    return [
        name for name in methods_of(settings) if name not in folders or foreign_painters(name, folders[name]) is None
    ]


def refusal(settings: GenerationSettings, lake: Lake) -> str:
    """Why the night's generator may not paint for the lake's feed; empty where it may."""
    methods = [] if settings.allow_sticker_generator else sticker_methods(settings)
    feed = feed_of(lake) if methods else Feed(0, 0)
    if not feed.foreign:
        return ""
    return (
        f"{feed.foreign:,} of {feed.items:,} items have a default cover that is none of the built-in stickers, and "
        f"{', '.join(methods)} would paint by the built-in generator, which knows stickers only"
    )


def mend(settings: GenerationSettings) -> str:
    """What to do about a refusal."""
    return (
        "name a pipeline of diffusers by its folder (generation.adapters.profile, which needs no training, "
        "docs/your-feed.md) or a model of your own (generation.checkpoint, or generation.adapters over public "
        f"checkpoints, docs/methods.md), and leave {', '.join(sticker_methods(settings))} out of generation.method and "
        f"generation.beside; or set {SETTING}=true if stickers are wanted all the same"
    )


def demand_fitting_generator(settings: GenerationSettings, lake: Lake) -> None:
    """Stop before stickers are painted for a foreign feed.

    Raises
    ------
    UsageError
        Naming the methods that would paint them, and what to set.
    """
    refused = refusal(settings, lake)
    if refused:
        raise UsageError(f"{refused}: {mend(settings)}.")
