"""Pairs of the model's own pictures for stage 2, each with the mask ratio that it was painted at.

An item is painted for somebody from the same noise at several mask ratios, by the pipeline's own scheduler, and each
picture is judged by a rule (:mod:`generation.personalization.pigeon.training.pairs`). The best is to be preferred to
the worst, and the row that learns is masked as the best was: **the ratio that made a picture is the one it is learned
with**. Pairs whose margin is under the median of all, or nothing, are left out. Latents of a draw are kept in a file,
so that a killed run paints none twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from conf.errors import UsageError
from generation.canvas import BUILT_IN, resized
from generation.personalization.pigeon.public.masking import Masking
from generation.personalization.pigeon.public.model import PigeonBatch
from generation.personalization.pigeon.training.pairs import rows_of
from generation.personalization.pigeon.training.public.painting import PublicPigeonPainting
from generation.personalization.pigeon.training.reconstruct import RATIOS
from generation.personalization.training.painting import WorldBatch
from generation.personalization.training.world import Sampler
from generation.training_state import write_checkpoint


@dataclass(frozen=True, kw_only=True)
class LatentPairs:
    """Rows with two pictures each."""

    batch: PigeonBatch
    """Masked as the chosen pictures were."""
    chosen: Tensor
    """(B, C, h, w) latents."""
    rejected: Tensor


@dataclass(frozen=True, kw_only=True)
class Painted:
    """Pictures of one draw at every ratio."""

    latents: Tensor
    """(G, B, C, h, w) float16."""
    worth: Tensor
    """(G, B)"""


class LatentPairBook:
    """Paints, judges and keeps pairs.

    Parameters
    ----------
    painting
        With the weights that paint the pairs.
    sampler
        Draws items and for whom.
    worth
        (B,) of pictures (B, 3, 64, 64) in [0, 1] for the rows of a batch; greater is better.
    draws
        How many batches are painted.
    folder
        Where their latents are kept.
    steps, canvas
        Of the pipeline.

    Raises
    ------
    UsageError
        All pictures of every row are alike.
    """

    def __init__(
        self,
        painting: PublicPigeonPainting,
        sampler: Sampler,
        worth: Callable[[Tensor, WorldBatch], Tensor],
        draws: int,
        folder: Path,
        *,
        steps: int,
        canvas: int,
        say: Callable[[str], None] = print,
    ) -> None:
        self.painting, self.sampler, self.worth = painting, sampler, worth
        self.steps, self.canvas = steps, canvas
        self.found = []
        for key in range(draws):
            self.found.append(self._kept(key, folder / f"pairs-{key:06d}.safetensors"))
            if key % 10 == 9:
                say(f"{key + 1} of {draws} batches of pairs painted")
        margins = torch.stack([each.worth.amax(0) - each.worth.amin(0) for each in self.found])
        good = (margins >= margins.median()) & (margins > 0)
        self.by_draw = {draw: rows.nonzero().flatten() for draw, rows in enumerate(good) if rows.any()}
        if not self.by_draw:
            raise UsageError(
                "no two pictures of an item differ in worth, whatever is masked: there is nothing to prefer. Train "
                "`--stage reconstruct` for longer, or paint for people with three clicks or more"
            )

    def _kept(self, key: int, path: Path) -> Painted:
        if not path.is_file():
            painted = self._painted(key)
            write_checkpoint(path, {"latents": painted.latents, "worth": painted.worth}, {})
        return Painted(**load_file(path))

    @torch.no_grad()
    def _painted(self, key: int) -> Painted:
        latents, worth = [], []
        batch, rows = self.sampler.draw(key)
        for ratio in RATIOS:
            pictures = self.painting.model.paint(
                self.painting.told(batch, ratio),
                seeds=range(key * rows, (key + 1) * rows),
                steps=self.steps,
                size=(self.canvas, self.canvas),
                guidance=self.painting.guidance,
            )
            pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
            latents.append(self.painting.generator.encode(pixels).half().cpu())
            seen = torch.from_numpy(resized(pictures, BUILT_IN[0]))
            worth.append(self.worth(seen.permute(0, 3, 1, 2).float() / 255, batch).float())
        return Painted(latents=torch.stack(latents), worth=torch.stack(worth))

    def draw(self, key: int, rows: int, seed: int) -> LatentPairs:
        """Pairs of a key, at most so many, all of one draw."""
        rng = np.random.default_rng((seed, key))
        number = list(self.by_draw)[int(rng.integers(len(self.by_draw)))]
        some = torch.from_numpy(rng.permutation(self.by_draw[number].numpy())[:rows])
        found, (batch, _) = self.found[number], self.sampler.draw(number)
        best, worst = found.worth[:, some].argmax(0), found.worth[:, some].argmin(0)
        device = self.painting.model.device
        told = self.painting.told(rows_of(batch, some), 0.0)
        ratio = torch.tensor(RATIOS)[best].to(device)
        return LatentPairs(
            batch=replace(told, masking=Masking(ratio=ratio)),
            chosen=found.latents[best, some].float().to(device),
            rejected=found.latents[worst, some].float().to(device),
        )
