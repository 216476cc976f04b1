"""Pigeon over what paints beneath it, as alignment wants it: differentiable, for rows with histories."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor, nn

from generation.catalogue import segment_histories
from generation.history import HISTORY_DIM, HISTORY_EVENTS
from generation.personalization.icg.painting import SHAPE, BuiltinPainting
from generation.personalization.pigeon.personal import BuiltinPigeon, Speaks, condition
from generation.personalization.pigeon.training.taste import taste_parameters
from generation.personalization.training.painting import Attended, WorldBatch
from generation.personalization.training.world import Audience, Sampler
from generation.user_history import read_user_histories
from jobs.lake.context import Context
from reward_model.encoders.model import ENCODER_ID
from reward_model.precision import autocast


@dataclass(frozen=True, kw_only=True)
class HistoryBatch(WorldBatch):
    """Rows to paint, with what is known of whom they are for."""

    history: Tensor
    """(B, 48, 165)."""
    ratio: Tensor
    """(B,) share of the clicks to mask."""
    unseen: Tensor
    """(B, 16) bool: places of the reference that Pigeon is not told."""

    @classmethod
    def of(cls, batch: WorldBatch, history: Tensor, ratio: Tensor, unseen: Tensor) -> "HistoryBatch":
        """The same rows with histories."""
        told = {each.name: getattr(batch, each.name) for each in fields(WorldBatch)}
        return cls(**told, history=history, ratio=ratio, unseen=unseen)


class PigeonPainting(BuiltinPainting):
    """The generator protocol of :mod:`generation.alignment.base`.

    Parameters
    ----------
    pigeon
        What is trained.
    speaks, unet
        Of the painter beneath; frozen.
    guidance
        Scale of the night; the unpersonalised estimate is taken without a gradient.
    device
        Where it computes.
    """

    def __init__(
        self, pigeon: BuiltinPigeon, speaks: Speaks, unet: UNet2DConditionModel, *, guidance: float, device: str
    ) -> None:
        nn.Module.__init__(self)
        self.pigeon, self.speaks, self.unet = pigeon, speaks, unet
        self.shape, self.guidance, self.device = SHAPE, guidance, device
        self.to(device)

    def condition(self, batch: WorldBatch) -> Attended[tuple[Tensor, Tensor]]:
        """Tokens and pooled vectors."""
        assert isinstance(batch, HistoryBatch)
        text, places = batch.text.to(self.device), batch.places.to(self.device)
        with autocast(torch.device(self.device), torch.float32):
            reading = self.pigeon.read(
                batch.preference.to(self.device), batch.history.to(self.device), ratio=batch.ratio.to(self.device)
            )
        personal = condition(self.speaks, self.pigeon, text, places, reading, batch.unseen.to(self.device))
        if self.guidance == 1:
            return Attended(personal, None)
        with torch.no_grad():
            return Attended(personal, self.speaks(text, places, torch.zeros_like(reading.preference)))


def painting_parameters(pigeon: BuiltinPigeon) -> dict[str, nn.Parameter]:
    """What decides how an item is painted, by name: all that the first part of the training left as it was."""
    taste = taste_parameters(pigeon)
    return {name: weight for name, weight in pigeon.named_parameters() if name not in taste}


def read_histories(ctx: Context, audience: Audience) -> dict[str, NDArray[np.float32]]:
    """(48, 165) by segment or user of an audience; of those of whom something is known."""
    of_segments = segment_histories(ctx.lake, ctx.ds)
    found = {name: of_segments[name] for name in audience.segments if name in of_segments}
    return found | read_user_histories(ctx.lake, ctx.ds, audience.users, ENCODER_ID)


class HistorySampler:
    """Batches of :class:`~generation.personalization.training.world.Sampler` with histories and ratios.

    Parameters
    ----------
    sampler
        Draws items and for whom.
    histories
        By segment or user; others are painted for as if nothing were known.
    ratios, unseen
        Shares of clicks and of places to mask, drawn from these by the key; the first of each is what validation
        rows have.
    """

    def __init__(
        self,
        sampler: Sampler,
        histories: Mapping[str, NDArray[np.float32]],
        *,
        ratios: tuple[float, ...] = (0.0,),
        unseen: tuple[float, ...] = (0.0,),
    ) -> None:
        self.sampler, self.histories = sampler, histories
        self.ratios, self.unseen = ratios, unseen

    def draw(self, key: int) -> tuple[HistoryBatch, int]:
        """The batch of a key and its rows."""
        batch, rows = self.sampler.draw(key)
        rng = np.random.default_rng((self.sampler.seed, key, 1))
        return self.told(batch, rng.choice(self.ratios, rows), rng.choice(self.unseen, rows), rng), rows

    def told(
        self, batch: WorldBatch, ratio: NDArray[np.float64], unseen: NDArray[np.float64], rng: np.random.Generator
    ) -> HistoryBatch:
        """A batch with histories; ``ratio`` and ``unseen`` (B,) are shares."""
        nothing = np.zeros((HISTORY_EVENTS, HISTORY_DIM), np.float32)
        history = np.stack([self.histories.get(name, nothing) for name in batch.whom])
        hidden = rng.random((len(batch), batch.places.shape[1])) < unseen[:, None]
        return HistoryBatch.of(
            batch,
            torch.from_numpy(history),
            torch.from_numpy(ratio.astype(np.float32)),
            torch.from_numpy(hidden),
        )
