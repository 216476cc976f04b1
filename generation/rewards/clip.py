"""Public rewards over CLIP, from local checkpoints: relevance to words, human preference, a LAION head.

PickScore (Kirstain et al., NeurIPS 2023) and HPSv2 (Wu et al. 2023) are CLIP models that were
fine-tuned on what people chose; in ``transformers``' format all three are read alike. The
LAION aesthetic head is a stack of linear layers over CLIP's picture embedding; it comes as a
pickle, so convert it to safetensors once (``docs/icg.md``).
"""

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from conf.errors import UsageError
from generation.rewards.base import score_by_value
from generation.rewards.batch import PictureBatch, Scores
from generation.rewards.view import PictureView


class Clip:
    """A frozen CLIP model with differentiable preparation of pictures.

    Parameters
    ----------
    folder
        As ``save_pretrained`` writes it, processor files included.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        if not (folder / "config.json").is_file():
            raise UsageError(
                f"{folder} holds no CLIP checkpoint of transformers: correct reward_models in the settings"
            )
        self.model: Any = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self.model.eval().requires_grad_(False)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        told = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
        self.size = int(self.model.config.vision_config.image_size)
        self.mean = torch.tensor(told["image_mean"]).view(1, 3, 1, 1)
        self.deviation = torch.tensor(told["image_std"]).view(1, 3, 1, 1)

    def pictures(self, pixels: Tensor) -> Tensor:
        """(N, D) L2-normalised embeddings of (N, 3, H, W) in [0, 1]."""
        size = (self.size, self.size)
        resized = F.interpolate(pixels.float(), size=size, mode="bicubic", antialias=True).clamp(0, 1)
        found = self.model.vision_model(pixel_values=(resized - self.mean) / self.deviation).pooler_output
        return F.normalize(self.model.visual_projection(found), dim=1)

    @torch.no_grad()
    def texts(self, prompts: list[str]) -> Tensor:
        """(N, D) L2-normalised embeddings."""
        tokens = self.tokenizer(prompts, padding=True, truncation=True, return_tensors="pt")
        found = self.model.text_model(**tokens).pooler_output
        return F.normalize(self.model.text_projection(found), dim=1)


class ClipReward:
    """Cosine of picture and prompt: ``clip``, ``pickscore`` or ``hpsv2``, by the checkpoint."""

    differentiable = True
    needs = frozenset({"pictures", "prompts"})

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.clip = Clip(folder)

    def value(self, view: PictureView) -> Tensor:
        """(N,) cosine."""
        return (self.clip.pictures(view.pixels) * self.clip.texts(list(view.prompts))).sum(1)

    def score(self, batch: PictureBatch) -> Scores:
        """(N,) cosine."""
        return score_by_value(self, batch)


class LaionAesthetic:
    """A rating from about 1 to 10 by a linear stack over CLIP's picture embedding.

    Parameters
    ----------
    folder
        The CLIP checkpoint that the head belongs to.
    head
        Safetensors with ``layers.N.weight`` and ``layers.N.bias``.
    """

    name = "laion"
    differentiable = True
    needs = frozenset({"pictures"})

    def __init__(self, folder: Path, head: Path) -> None:
        if not head.is_file() or head.suffix != ".safetensors":
            raise UsageError(f"{head} is no safetensors file: convert the head once, as docs/icg.md says")
        self.clip = Clip(folder)
        weights = load_file(head)
        numbers = sorted({int(name.split(".")[1]) for name in weights})
        layers = []
        for number in numbers:
            weight = weights[f"layers.{number}.weight"]
            layer = nn.Linear(weight.shape[1], weight.shape[0])
            layer.load_state_dict({"weight": weight, "bias": weights[f"layers.{number}.bias"]})
            layers.append(layer)
        self.head = nn.Sequential(*layers).eval().requires_grad_(False)

    def value(self, view: PictureView) -> Tensor:
        """(N,) rating."""
        rating: Tensor = self.head(self.clip.pictures(view.pixels))[:, 0]
        return rating

    def score(self, batch: PictureBatch) -> Scores:
        """(N,) rating."""
        return score_by_value(self, batch)
