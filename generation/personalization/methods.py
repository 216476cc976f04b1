"""Personalisation methods by name: from what is known about a segment to what a painter is told.

A method lives in a folder of its own beside this file; its name is the setting
``generation.method`` and a part of every unit's id.
"""

from importlib import import_module
from pathlib import Path
from typing import Protocol

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.types import Conditioning, ItemContent, SegmentProfile

METHODS = {
    "profile": "generation.personalization.profile.method:ProfileMethod",
    "icg": "generation.personalization.icg.method:IcgMethod",
}
"""Name -> ``module:class``; a method's module is imported when it is used."""


class Method(Protocol):
    """A personalisation method."""

    @property
    def name(self) -> str:
        """As in ``generation.method``."""
        ...

    def condition(self, segment: SegmentProfile, item: ItemContent) -> Conditioning:
        """Conditioning of an item for a segment."""
        ...


def methods_of(settings: GenerationSettings) -> tuple[str, ...]:
    """The night's own method, then those that are painted beside it."""
    return tuple(dict.fromkeys((settings.method, *settings.beside)))


def adapter_folder(settings: GenerationSettings) -> Path | None:
    """Folder of the weights that a method adds to the generator's, or None where it adds none."""
    if "icg" not in methods_of(settings):
        return None
    from generation.personalization.icg.checkpoint import SHIPPED

    return Path(settings.icg) if settings.icg else SHIPPED


def method_fingerprints(settings: GenerationSettings, generator: str) -> dict[str, str]:
    """Fingerprint of all weights that each method of the settings paints with.

    Parameters
    ----------
    settings
        Of the night.
    generator
        Fingerprint of the generator's checkpoint.

    Raises
    ------
    UsageError
        A method's own weights are missing, changed, or belong to another generator.
    """
    found = dict.fromkeys(methods_of(settings), generator)
    folder = adapter_folder(settings)
    if folder is not None:
        found["icg"] = _icg_fingerprint(folder, generator, settings.canvas)
    return found


def _icg_fingerprint(folder: Path, generator: str, canvas: int) -> str:
    from generation.personalization.icg.checkpoint import icg_fingerprint
    from generation.personalization.icg.public.store import is_saved, painting_fingerprint

    if not is_saved(folder):
        return icg_fingerprint(folder, generator)
    try:
        return painting_fingerprint(folder, canvas)
    except (FileNotFoundError, ValueError) as unusable:
        raise UsageError(str(unusable)) from None


def method_named(name: str) -> Method:
    """The method of that name.

    Raises
    ------
    UsageError
        When there is none.
    """
    if name not in METHODS:
        raise UsageError(f"There is no personalisation method {name!r}: generation.method is one of {sorted(METHODS)}")
    module, _, attribute = METHODS[name].partition(":")
    method: Method = getattr(import_module(module), attribute)()
    return method
