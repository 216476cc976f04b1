"""A whole method, shown in ``docs/methods.md``: it paints for the cover that was clicked last."""

from dataclasses import dataclass, replace

import torch
from safetensors.torch import load_file, save_file

from generation.diffusion.adapter import GeneratorAdapter
from generation.diffusion.manifest import write_manifest
from generation.history import CLICKED
from generation.personalization.methods import MethodSpec, weights_fingerprint
from generation.personalization.profile.method import ProfileMethod
from generation.types import PREFERENCE_DIM

PLACE = "tests.support.models.example_method"
SPEC = MethodSpec(
    method=f"{PLACE}:NewestMethod",
    adapter=f"{PLACE}:open_adapter",
    needs=frozenset({"preference", "history"}),
    trained_by=PLACE,
)


class NewestMethod(ProfileMethod):
    """Told what ``profile`` is told, and the events."""

    name = "newest"

    def condition(self, segment, item):
        """As it is."""
        return replace(super().condition(segment, item), history=segment.history)


@dataclass(frozen=True, kw_only=True)
class NewestAdapter(GeneratorAdapter):
    """The generator's own conditioning, for another preference."""

    strength: torch.Tensor

    def condition(self, batch):
        """Tokens and pooled vector; the preference itself where there is no history."""
        if batch.history is None:
            return super().condition(batch)
        first = (batch.history[:, :, CLICKED] > 0).int().argmax(1)
        newest = batch.history[torch.arange(len(first)), first, :PREFERENCE_DIM]
        return super().condition(replace(batch, preference=self.strength * newest))


def open_adapter(folder, unet, conditioning, generator):
    """The weights of a folder over a generator."""
    fingerprint = weights_fingerprint("newest", folder, generator)
    strength = load_file(folder / "strength.safetensors")["strength"]
    return NewestAdapter(fingerprint=fingerprint, unet=unet, conditioning=conditioning, strength=strength)


def train(folder, generator):
    """Weights and their manifest."""
    save_file({"strength": torch.tensor(1.0)}, folder / "strength.safetensors")
    write_manifest(folder, {"generator": generator})


def open_without_history(folder, unet, conditioning, generator):
    """The same, deaf to the events."""
    return GeneratorAdapter(fingerprint=generator, unet=unet, conditioning=conditioning)
