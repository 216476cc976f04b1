"""A whole method, shown in ``docs/methods.md``: it paints against a segment's taste, as its weight says."""

from dataclasses import dataclass, replace

import torch
from safetensors.torch import load_file, save_file

from generation.diffusion.manifest import write_manifest
from generation.personalization.adapters import GeneratorAdapter
from generation.personalization.methods import MethodSpec, weights_fingerprint
from generation.personalization.profile.method import ProfileMethod

SPEC = MethodSpec(
    method="tests.support.example_method:OppositeMethod",
    adapter="tests.support.example_method:open_adapter",
    trained_by="tests.support.example_method",
)


class OppositeMethod(ProfileMethod):
    """Told what ``profile`` is told."""

    name = "opposite"


@dataclass(frozen=True, kw_only=True)
class OppositeAdapter(GeneratorAdapter):
    """The generator's own conditioning of a preference that was turned round."""

    strength: torch.Tensor

    def condition(self, batch):
        """Tokens and pooled vector."""
        return super().condition(replace(batch, preference=-self.strength * batch.preference))


def open_adapter(folder, unet, conditioning, generator):
    """The weights of a folder over a generator."""
    fingerprint = weights_fingerprint("opposite", folder, generator)
    strength = load_file(folder / "strength.safetensors")["strength"]
    return OppositeAdapter(fingerprint=fingerprint, unet=unet, conditioning=conditioning, strength=strength)


def train(folder, generator):
    """Weights and their manifest."""
    save_file({"strength": torch.tensor(1.0)}, folder / "strength.safetensors")
    write_manifest(folder, {"generator": generator})
