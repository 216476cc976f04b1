"""A Pigeon over public checkpoints as looks at validation items paint with it."""

from collections.abc import Mapping

import torch

from generation.catalogue import CoverVectors, original_covers
from generation.clicked_covers import CoverShelf
from generation.personalization.icg.adapter import PromptEmbeds
from generation.personalization.icg.public.painting import GeneratorPainting, covers_of
from generation.personalization.pigeon.public.masking import Masking
from generation.personalization.pigeon.public.model import PigeonBatch, PublicPigeon
from generation.personalization.pigeon.training.painting import read_histories
from generation.personalization.pigeon.training.public.album import Album
from generation.personalization.training.painting import Attended, WorldBatch
from generation.personalization.training.world import Audience
from jobs.lake.context import Context
from reward_model.encoders.model import ENCODER_ID

Shown = Mapping[str, tuple[str, ...]]
"""Ids of the covers that stand for what each segment or user clicked."""


def read_shown(ctx: Context, audience: Audience) -> dict[str, tuple[str, ...]]:
    """Of an audience, as the night would plan it; of those of whom any click is known."""
    covers = original_covers(ctx.lake, ctx.ds)["cover_id"].unique().tolist()
    shelf = CoverShelf.of(CoverVectors.read(ctx.lake, ENCODER_ID, covers), covers)
    found = {name: shelf.standing_for(history) for name, history in read_histories(ctx, audience).items()}
    return {name: ids for name, ids in found.items() if ids}


class PublicPigeonPainting(GeneratorPainting):
    """The generator protocol of :mod:`generation.alignment.base` for a night's rows.

    Parameters
    ----------
    model
        With its processor.
    shown, album
        Which covers stand for whom, and their pictures; others are painted for as nobody in particular.
    canvas, guidance
        Of :class:`~generation.personalization.icg.public.painting.GeneratorPainting`.
    """

    def __init__(self, model: PublicPigeon, shown: Shown, album: Album, *, canvas: int, guidance: float) -> None:
        super().__init__(model.generator, canvas=canvas, guidance=guidance)
        self.model, self.shown, self.album = model, shown, album

    def told(self, batch: WorldBatch, ratio: float) -> PigeonBatch:
        """The rows as the model is told them, with a share of the clicked covers masked."""
        return self.model.batch(
            batch.titles,
            covers_of(batch),
            [self.album.covers(self.shown.get(name, ())) for name in batch.whom],
            masking=Masking(ratio=torch.full((len(batch),), ratio, device=self.model.device)),
            guided=self.guidance != 1,
        )

    def condition(self, batch: WorldBatch) -> Attended[PromptEmbeds]:
        """What the multimodal model draws from titles, covers and clicked covers."""
        told = self.told(batch, self.model.config.mask_ratio)
        personal: PromptEmbeds = self.model(told)
        if self.guidance == 1:
            return Attended(personal, None)
        with torch.no_grad():
            return Attended(personal, self.model(told.nobody))
