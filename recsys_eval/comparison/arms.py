"""What is compared: an arm is a method with some weights, under a name of its own.

A method's own arm has its name and the weights that come with it. Further arms have weights from a folder
(``--adapter pigeon-stage1=FOLDER``) or leave a part of the method out (:attr:`MethodSpec.ablations`, with
``--ablations``). All are painted alike, from the same noise.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.diffusion.adapter import Adapter
from generation.diffusion.painter import SHIPPED, checkpoint_fingerprint
from generation.diffusion.painter import Painter as BuiltinPainter
from generation.personalization.methods import (
    METHODS,
    adapter_folders,
    method_fingerprints,
    method_spec,
    needed,
    opener_named,
)
from generation.serving.painters import Finished, painter_of
from generation.serving.requests import Painter


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One column of the tables."""

    name: str
    method: str
    """In the registry."""
    folder: Path | None
    """Of the weights that it adds to the generator's; None where there are none."""
    ablation: str | None
    """What is left out: a key of :attr:`MethodSpec.ablations`."""
    fingerprint: str
    """Of all that paints it."""


def arms_of(
    settings: GenerationSettings, methods: Sequence[str], adapters: Sequence[str] = (), *, ablations: bool = False
) -> dict[str, Arm]:
    """Arms by name: the methods in their order, each followed by its ablations, then those of folders.

    Parameters
    ----------
    settings
        Of the night: checkpoint and finishing.
    methods
        Names in the registry.
    adapters
        ``name=FOLDER`` each; the name is that of a method, or begins with one and ``-``.
    ablations
        Whether what is registered as left out is compared too.

    Raises
    ------
    UsageError
        A method that there is not, a name that says no method, a folder without its weights or another generator's.
    """
    found: dict[str, Arm] = {}
    named = dict(_named(each) for each in adapters)
    for name in methods:
        own = _arm(settings, name, name, named.pop(name, None))
        found[name] = own
        for part in method_spec(name).ablations if ablations else ():
            digest = hashlib.sha256(f"{own.fingerprint} without {part}".encode()).hexdigest()[:16]
            arm = f"{name}-{part}"
            found[arm] = Arm(name=arm, method=name, folder=own.folder, ablation=part, fingerprint=digest)
    for name, folder in named.items():
        found[name] = _arm(settings, name, _method_in(name), folder)
    return found


def _named(given: str) -> tuple[str, Path]:
    name, equals, folder = given.partition("=")
    if not equals or not name or not folder:
        raise UsageError(f"--adapter {given}: give it as name=FOLDER, like pigeon-stage1=var/pigeon/stage1")
    return name, Path(folder)


def _method_in(name: str) -> str:
    fitting = [method for method in METHODS if name == method or name.startswith(f"{method}-")]
    if not fitting:
        raise UsageError(f"--adapter {name}: the name begins with a method's, one of {', '.join(sorted(METHODS))}")
    return max(fitting, key=len)


def _arm(settings: GenerationSettings, name: str, method: str, folder: Path | None) -> Arm:
    chosen = settings.painted_by(method, None if folder is None else str(folder))
    checkpoint = Path(settings.checkpoint) if settings.checkpoint else SHIPPED
    if "pictures" in needed(chosen):
        raise UsageError(
            f"{name} is shown pictures of clicked covers, and compare tells methods of vectors and codes: leave it out"
        )
    folders = adapter_folders(chosen)
    fingerprint = method_fingerprints(chosen, checkpoint_fingerprint(checkpoint))[method]
    return Arm(name=name, method=method, folder=folders.get(method), ablation=None, fingerprint=fingerprint)


class ArmPainters:
    """Opens the painter of an arm when it is asked for, and keeps the last: arms are painted one after the other.

    Parameters
    ----------
    arms
        By name.
    settings
        Of the night.
    """

    def __init__(self, arms: Mapping[str, Arm], settings: GenerationSettings) -> None:
        self.arms, self.settings = arms, settings
        self._open: tuple[str, Painter] | None = None

    def __call__(self, name: str) -> Painter:
        """The painter of an arm, which knows it by its method's name."""
        if self._open is None or self._open[0] != name:
            self._open = None  # the one before is let go first
            self._open = (name, self._opened(self.arms[name]))
        return self._open[1]

    def told_events(self, name: str) -> Adapter | None:
        """The adapter of an arm that is told events, over the built-in generator; None of any other arm."""
        if "history" not in method_spec(self.arms[name].method).needs:
            return None
        painter = self(name)
        inner = painter.painter if isinstance(painter, Finished) else painter
        return inner.adapter_of(self.arms[name].method) if isinstance(inner, BuiltinPainter) else None

    def _opened(self, arm: Arm) -> Painter:
        chosen = self.settings.painted_by(arm.method, None if arm.folder is None else str(arm.folder))
        if arm.ablation is None:
            return painter_of(chosen)
        opener = partial(opener_named(method_spec(arm.method).ablations[arm.ablation]), arm.folder)
        builtin = BuiltinPainter.load(
            Path(chosen.checkpoint) if chosen.checkpoint else None, adapters={arm.method: opener}
        )
        return builtin if chosen.finishing == "none" else Finished(builtin, chosen.finishing)
