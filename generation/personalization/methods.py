"""Personalisation methods by name: from what is known about a segment to what a painter is told.

A method lives in a folder of its own beside this file; its name is the setting
``generation.method`` and a part of every unit's id.
"""

import difflib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from conf.errors import UsageError
from conf.settings import GenerationSettings, Settings
from generation.canvas import BUILT_IN, Size
from generation.diffusion.manifest import check_files
from generation.finishing.finishings import finished_fingerprint
from generation.types import Conditioning, ItemContent, SegmentProfile

if TYPE_CHECKING:
    from generation.diffusion.adapter import Adapter

Need = Literal["preference", "history", "tokens", "words", "pictures"]
"""What a method may be told of somebody beside the item: mean vectors, events, codes of a quantiser, written titles,
pictures of clicked covers."""


@dataclass(frozen=True, kw_only=True)
class MethodSpec:
    """What the night knows of a method before anything of it is imported."""

    method: str
    """``module:class`` of a :class:`Method` without arguments."""
    adapter: str | None = None
    """``module:function`` that opens its weights: ``(folder, unet, conditioning, generator)`` to a
    :class:`generation.diffusion.adapter.Adapter`. None paints by the generator as it is."""
    needs: frozenset[Need] = frozenset({"preference"})
    """What it is told; a request with a history or tokens for a method that needs none is refused."""
    codes: int = 0
    """Codes of a level of its quantiser: tokens lie between -1 (none) and ``codes - 1``."""
    trained_by: str | None = None
    """Command that trains its weights; None where there are none to train. Shipped ones lie in
    ``weights/`` beside the method's module, with a manifest of their hashes and of the generator."""
    ablations: Mapping[str, str] = field(default_factory=dict)
    """What ``coverlift compare --ablations`` leaves out, by a short name: ``module:function`` that opens the same
    folder as ``adapter`` does, without that part."""
    foreign: str | None = None
    """Module of painters over other generators, for folders that it knows: it has ``is_saved(folder)``,
    ``painting_fingerprint(folder)`` and ``open_painter(folder)``."""
    foreign_needs: frozenset[Need] | None = None
    """What such a painter is told in place of ``needs``; None is the same."""
    foreign_method: str | None = None
    """``module:class`` of a :class:`Method` that speaks to such a painter, made from the section ``generation``; None
    is the one that speaks to the built-in painter."""
    foreign_settings: tuple[str, ...] = ()
    """Settings of ``generation`` that both functions of ``foreign`` take by name beside the folder."""

    @property
    def may_need(self) -> frozenset[Need]:
        """All that it is told by one of its painters or another."""
        return self.needs | (self.foreign_needs or frozenset())


METHODS: dict[str, MethodSpec] = {
    "profile": MethodSpec(
        method="generation.personalization.profile.method:ProfileMethod",
        foreign="generation.personalization.pipeline.foreign",
        foreign_method="generation.personalization.pipeline.method:WordedProfile",
        foreign_settings=("strength",),
    ),
    "icg": MethodSpec(
        method="generation.personalization.icg.method:IcgMethod",
        adapter="generation.personalization.icg.opening:open_adapter",
        trained_by="coverlift train icg",
        foreign="generation.personalization.icg.public.foreign",
    ),
    "pigeon": MethodSpec(
        method="generation.personalization.pigeon.method:PigeonMethod",
        adapter="generation.personalization.pigeon.opening:open_adapter",
        needs=frozenset({"preference", "history"}),
        trained_by="coverlift train pigeon",
        foreign="generation.personalization.pigeon.public.foreign",
        foreign_needs=frozenset({"pictures"}),
        ablations={
            "no-mask": "generation.personalization.pigeon.ablations:without_mask",
            "random-mask": "generation.personalization.pigeon.ablations:with_random_mask",
            "no-evidence": "generation.personalization.pigeon.ablations:without_evidence",
            "no-reader": "generation.personalization.pigeon.ablations:without_reader",
            "masked-profile": "generation.personalization.pigeon.ablations:masked_profile",
            "clicks-only": "generation.personalization.pigeon.ablations:clicks_only",
            "no-icg": "generation.personalization.pigeon.ablations:over_the_generator",
        },
    ),
    "dppmg": MethodSpec(
        method="generation.personalization.dppmg.method:DppmgMethod",
        adapter="generation.personalization.dppmg.pictures.opening:open_adapter",
        needs=frozenset({"tokens"}),
        codes=16,
        trained_by="coverlift train dppmg-pictures",
        ablations={
            "first-code-alone": "generation.personalization.dppmg.pictures.ablations:first_code_alone",
            "shuffled-codes": "generation.personalization.dppmg.pictures.ablations:shuffled_codes",
            "no-icg": "generation.personalization.dppmg.pictures.ablations:over_the_generator",
        },
        foreign="generation.personalization.dppmg.pictures.public.foreign",
    ),
}
"""By name; a method's module is imported when it is used."""


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


def method_spec(name: str) -> MethodSpec:
    """The entry of a method.

    Raises
    ------
    UsageError
        When there is no method of that name; the message says which one is nearest.
    """
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"There is no personalisation method {name!r}: there are {', '.join(sorted(METHODS))}{hint}")
    return METHODS[name]


def check_methods(settings: GenerationSettings) -> None:
    """Raise a UsageError where the settings name a method that there is not, or a folder that one can't paint with."""
    for name in methods_of(settings):
        method_spec(name)
    for name, folder in settings.adapter_folders.items():
        if method_spec(name).trained_by is None and foreign_painters(name, Path(folder)) is None:
            raise UsageError(
                f"generation.adapters.{name} is {folder}, and there is no pipeline of diffusers (model_index.json): "
                f"{name} has no weights of its own to train, so name a pipeline's folder or leave it out"
            )


def adapter_folders(settings: GenerationSettings) -> dict[str, Path]:
    """Folder of the weights that each method of the settings adds to the generator's; methods without have none."""
    check_methods(settings)
    return {
        name: Path(settings.adapter_folders[name]) if name in settings.adapter_folders else shipped_weights(name)
        for name in methods_of(settings)
        if method_spec(name).trained_by is not None or name in settings.adapter_folders
    }


def needed(settings: GenerationSettings) -> frozenset[Need]:
    """What the methods of the settings are told, all together."""
    return frozenset[Need]().union(*(_needs_of(name, settings) for name in methods_of(settings)))


def _needs_of(name: str, settings: GenerationSettings) -> frozenset[Need]:
    spec, folder = method_spec(name), settings.adapter_folders.get(name)
    if spec.foreign_needs is None or folder is None or foreign_painters(name, Path(folder)) is None:
        return spec.needs
    return spec.foreign_needs


def with_what_methods_need(settings: Settings) -> Settings:
    """Settings of a night that builds what its methods are told: histories of segments, edges that tokens come from."""
    needs = needed(settings.generation)
    built = {"history": "segment_history", "pictures": "segment_history", "tokens": "interaction_edges"}
    wanted: dict[str, Any] = {key: True for need, key in built.items() if need in needs}
    if all(getattr(settings.features, key) for key in wanted):
        return settings
    return settings.model_copy(update={"features": settings.features.model_copy(update=wanted)})


def shipped_weights(name: str) -> Path:
    """Folder of the weights that come with a method."""
    module = method_spec(name).method.partition(":")[0]
    found = find_spec(module)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "weights"


def method_fingerprints(settings: GenerationSettings, generator: str) -> dict[str, str]:
    """Fingerprint of all weights that each method of the settings paints with, and of how its covers are finished.

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
    found = dict.fromkeys(methods_of(settings), finished_fingerprint(generator, settings.finishing))
    for name, folder in adapter_folders(settings).items():
        foreign = foreign_painters(name, folder)
        if foreign is None:
            found[name] = finished_fingerprint(weights_fingerprint(name, folder, generator), settings.finishing)
            continue
        try:
            found[name] = foreign.painting_fingerprint(folder, **foreign_settings(name, settings))
        except (FileNotFoundError, ValueError) as unusable:
            raise UsageError(str(unusable)) from None
    return found


def foreign_settings(name: str, settings: GenerationSettings) -> dict[str, Any]:
    """What the method's painters over other generators take from the settings, by name."""
    return {each: getattr(settings, each) for each in method_spec(name).foreign_settings}


def painter_options(settings: GenerationSettings) -> dict[str, dict[str, Any]]:
    """:func:`foreign_settings` of every method that has a folder and takes some."""
    options = {name: foreign_settings(name, settings) for name in adapter_folders(settings)}
    return {name: each for name, each in options.items() if each}


def foreign_painters(name: str, folder: Path) -> Any | None:
    """The method's module of painters over other generators, where the folder is one of theirs."""
    place = method_spec(name).foreign
    if place is None:
        return None
    module = import_module(place)
    return module if module.is_saved(folder) else None


def canvases(settings: GenerationSettings) -> dict[str, tuple[Size, ...]]:
    """Sizes that each method of the settings may paint at: ``generation.canvas`` for those over other generators."""
    folders = adapter_folders(settings)
    return {name: canvases_of(name, folders.get(name), settings) for name in methods_of(settings)}


def canvases_of(method: str, folder: Path | None, settings: GenerationSettings) -> tuple[Size, ...]:
    """Sizes that a method may paint at with the weights of a folder."""
    foreign = None if folder is None else foreign_painters(method, folder)
    return BUILT_IN if foreign is None else settings.canvases


def weights_fingerprint(name: str, folder: Path, generator: str) -> str:
    """16 hex digits of the generator and a method's weights together, after checking every file.

    Parameters
    ----------
    name
        Of the method.
    folder
        Of its weights, with ``manifest.json``: ``generator`` and ``files``, the SHA-256 of each.
    generator
        Fingerprint of the generator's checkpoint.

    Raises
    ------
    UsageError
        There are no weights in ``folder``, a file has changed, or they belong to another generator.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise UsageError(
            f"generation.method {name} needs a trained adapter, and {manifest} is missing: train one with "
            f"`{method_spec(name).trained_by}`, or name one in generation.adapters.{name}"
        )
    told = json.loads(manifest.read_text(encoding="utf-8"))
    if told["generator"] != generator:
        raise UsageError(
            f"The adapter in {folder} was trained on generator {told['generator']}, and {generator} would paint: "
            "train it again on this one, or set generation.checkpoint to the one it was trained on"
        )
    try:
        check_files(folder, told["files"])
    except ValueError as changed:
        raise UsageError(str(changed)) from None
    except FileNotFoundError as missing:
        raise UsageError(
            f"{missing.filename} is missing, and the manifest beside it names it: restore the folder, or train again "
            f"with `{method_spec(name).trained_by}`"
        ) from None
    decisive = {"files": told["files"], "generator": generator}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def open_adapter(name: str, folder: Path | None, unet: Any, conditioning: Any, generator: str) -> "Adapter":
    """A method's adapter over a generator: its UNet, its conditioning, its fingerprint.

    Raises
    ------
    UsageError
        As :func:`weights_fingerprint`.
    """
    place = method_spec(name).adapter
    if place is None:
        from generation.diffusion.adapter import GeneratorAdapter

        return GeneratorAdapter(fingerprint=generator, unet=unet, conditioning=conditioning)
    adapter: Adapter = _resolved(place)(folder, unet, conditioning, generator)
    return adapter


def adapter_openers(folders: Mapping[str, Path]) -> dict[str, Callable[[Any, Any, str], "Adapter"]]:
    """What a painter opens its adapters with: methods without weights, and those whose folder is given.

    Parameters
    ----------
    folders
        Folder by method of weights over the painter's generator.

    Returns
    -------
    By method, from UNet, conditioning and the generator's fingerprint to an adapter; raises as :func:`open_adapter`.
    """
    weightless = {name: None for name, spec in METHODS.items() if spec.trained_by is None}
    return {name: partial(open_adapter, name, folder) for name, folder in {**weightless, **folders}.items()}


def method_named(name: str) -> Method:
    """The method of that name; raises as :func:`method_spec`."""
    method: Method = _resolved(method_spec(name).method)()
    return method


def method_of(name: str, settings: GenerationSettings) -> Method:
    """The method of that name as it speaks to the painter of the settings; raises as :func:`method_spec`."""
    spec, folder = method_spec(name), settings.adapter_folders.get(name)
    if spec.foreign_method is None or folder is None or foreign_painters(name, Path(folder)) is None:
        return method_named(name)
    method: Method = _resolved(spec.foreign_method)(settings)
    return method


def opener_named(place: str) -> Callable[..., "Adapter"]:
    """What opens an adapter, of ``module:function``."""
    opener: Callable[..., Adapter] = _resolved(place)
    return opener


def _resolved(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
