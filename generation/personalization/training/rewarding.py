"""The night's rewards as alignment asks for them, and the looks at validation subjects."""

import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from generation.alignment.draft import Reward, Rewarded
from generation.alignment.guard import Look
from generation.alignment.monitor import drawings_of, nearest_drawing, pixel_diversity
from generation.diffusion.bridge import noise_of
from generation.diffusion.process import deterministic_step
from generation.diffusion.training.losses import moved
from generation.personalization.training.painting import WorldBatch, WorldPainting
from generation.personalization.training.world import Audience, Items, Sampler
from generation.rewards.base import RewardPanel
from generation.rewards.batch import PictureBatch
from generation.rewards.candidates import CandidateScorer
from generation.rewards.view import PictureView
from jobs.stickers.pack import PicturePack
from reward_model.encoders.model import Encoded, ImageEncoder

SHIFTED_NOISE = 0.025
"""Standard deviation of the noise added to shifted pictures, pixels in [0, 1]."""


def view_of(
    pixels: Tensor, batch: WorldBatch, *, encoder: ImageEncoder | None = None, given: Encoded | None = None
) -> PictureView:
    """Painted rows as differentiable rewards look at them, on the device of their batch."""
    return PictureView(
        pixels.float().to(batch.reference.device),
        encoder,
        batch.reference_embeddings,
        batch.text_embeddings,
        batch.item_ids,
        batch.whom,
        batch.titles,
        given=given,
    )


class WorldReward:
    """A panel of differentiable rewards on painted pixels.

    Parameters
    ----------
    panel
        All of them differentiable.
    encoder
        The aligned encoder.
    """

    def __init__(self, panel: RewardPanel, encoder: ImageEncoder) -> None:
        self.panel, self.encoder = panel, encoder

    def __call__(self, pixels: Tensor, batch: WorldBatch) -> Rewarded:
        """Weighted sum of the normalised rewards, and each one raw."""
        parts, total = self.panel.value(view_of(pixels, batch, encoder=self.encoder))
        return Rewarded(total=total, parts=parts)


class Moved:
    """A reward of pictures that are changed a little, so that no pattern of single pixels wins it.

    The draw depends on the batch alone.

    Parameters
    ----------
    reward
        Differentiable.
    change
        Pictures (B, 3, 64, 64) in [-1, 1] and a source of randomness, to the same shape; by default a shift and noise.
    """

    def __init__(
        self, reward: Reward[WorldBatch], change: Callable[[Tensor, torch.Generator], Tensor] | None = None
    ) -> None:
        self.reward, self.change = reward, change

    def __call__(self, pixels: Tensor, batch: WorldBatch) -> Rewarded:
        """The same reward of changed pictures."""
        seed = zlib.crc32("|".join([*batch.item_ids, *batch.whom]).encode())
        if self.change is None:
            return self.reward(moved(pixels, seed, noise=SHIFTED_NOISE), batch)
        return self.reward((self.change(2 * pixels - 1, torch.Generator().manual_seed(seed)) + 1) / 2, batch)


class ScoredReward:
    """A panel of any rewards on painted pixels, as candidates are scored; without a gradient, for policy gradients.

    Parameters
    ----------
    panel
        Differentiable or not.
    scorer
        Encodes the pictures.
    """

    def __init__(self, panel: RewardPanel, scorer: CandidateScorer) -> None:
        self.panel, self.scorer = panel, scorer

    @torch.no_grad()
    def __call__(self, pixels: Tensor, batch: WorldBatch) -> Rewarded:
        """Weighted sum of the normalised rewards, and each one raw; only for segments, not for users."""
        pictures = (pixels.float() * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        embeddings, styles = self.scorer.encode(pictures)
        seen = PictureBatch(
            pictures=pictures,
            embeddings=embeddings,
            styles=styles,
            reference_embeddings=batch.reference_embeddings.numpy(),
            text_embeddings=batch.text_embeddings.numpy(),
            item_ids=batch.item_ids,
            segment_ids=batch.whom,
            prompts=batch.titles,
        )
        parts, total = self.panel.score(seen)
        return Rewarded(
            total=torch.from_numpy(total), parts={name: torch.from_numpy(part) for name, part in parts.items()}
        )


class Watch:
    """Paints fixed validation items for fixed segments, and measures reward, monitor and diversity.

    Parameters
    ----------
    painting
        With the weights of the moment.
    reward
        What is maximised.
    items
        Validation items.
    audience
        Their preferences.
    pack
        Real drawings of the items, for the monitor.
    steps
        Of the sampler.
    segments
        How many segments each item is painted for, at most.
    autocast
        Around painting; rewards and monitor are computed as they are.
    """

    def __init__(
        self,
        painting: WorldPainting,
        reward: Reward[WorldBatch],
        items: Items,
        audience: Audience,
        pack: PicturePack,
        *,
        steps: int,
        segments: int = 3,
        autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.painting, self.reward, self.steps, self.autocast = painting, reward, steps, autocast
        whom = audience.segments[:segments]
        self.rows = np.repeat(np.arange(len(items.ids)), len(whom))
        self.columns = len(whom)
        sampler = Sampler(items, audience, rows=2, seed=0)
        self.batch = sampler.batch(self.rows, [*whom] * len(items.ids))
        self.drawings, self.present = drawings_of(pack, items.ids)

    @torch.no_grad()
    def __call__(self, step: int) -> tuple[Look, Tensor]:
        """The look, and a sheet: a column an item, the original above what each segment gets."""
        with self.autocast():
            pixels = self.paint().float().to(self.batch.reference.device)
        rewarded = self.reward(pixels, self.batch)
        monitor = nearest_drawing(pixels, self.drawings[self.rows], self.present[self.rows])
        look = Look(
            step=step,
            reward=rewarded.total.double().numpy(),
            monitor=monitor.double().numpy(),
            diversity=pixel_diversity(pixels, torch.from_numpy(self.rows)),
        )
        return look, self._sheet(pixels)

    def paint(self) -> Tensor:
        """(N, 3, 64, 64) in [0, 1]; the noise of a row is always the same."""
        schedule = self.painting.schedule(self.steps)
        noise = noise_of(torch.arange(len(self.rows)), self.painting.shape)
        condition, x = self.painting.condition(self.batch), self.painting.start(self.batch, noise).x
        for step in range(self.steps):
            x = deterministic_step(
                schedule, step, x, self.painting.predict_clean(x, schedule, step, self.batch, condition)
            )
        return self.painting.decode(x.float())

    def _sheet(self, pixels: Tensor) -> Tensor:
        original = (self.batch.reference[:: self.columns] + 1) / 2
        painted = pixels.reshape(-1, self.columns, *pixels.shape[1:]).transpose(0, 1)
        rows: Sequence[Tensor] = [original, *painted]
        return torch.cat([row.permute(1, 2, 0, 3).flatten(2) for row in rows], dim=1)
