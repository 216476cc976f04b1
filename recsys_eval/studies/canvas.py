"""What commands paint on their own over a finished night: items of a split for its segments, outside the plan."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generation.personalization.training.world import Audience, Items
from generation.planning.units import rounded, unit_seed
from generation.serving.painters import painter_of
from jobs.lake.arrays import Pixels
from jobs.lake.context import Context

BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """Items x segments, painted item by item."""

    items: Items
    audience: Audience

    def paint(
        self,
        ctx: Context,
        method: str,
        *,
        adapter: Path | None = None,
        personal: bool = True,
        guidance: float | None = None,
    ) -> Pixels:
        """(I, S, 64, 64, 3), one candidate each; by default at the mean of the night's guidances.

        Parameters
        ----------
        ctx
            A night.
        method
            Name of the method.
        adapter
            Folder of its weights; None is the settings', or those that come with it.
        personal
            False tells it nothing of the segments' tastes.
        guidance
            None is the mean of the night's.
        """
        settings = ctx.settings.generation
        chosen = settings.painted_by(method, None if adapter is None else str(adapter))
        painter = painter_of(chosen)
        segments = self.audience.segments
        told = self.audience if personal else self.audience.unknown()
        wanted = np.stack([rounded(told.preference[name]) for name in segments])
        guidance = settings.mean_guidance if guidance is None else guidance
        keys = [(item, segment) for item in range(len(self.items.ids)) for segment in range(len(segments))]
        parts = []
        for start in range(0, len(keys), BATCH):
            some = keys[start : start + BATCH]
            item, segment = np.array(some).T
            seeds = [unit_seed(settings.seed, self.items.ids[i], segments[s]) for i, s in some]
            parts.append(
                painter.paint(
                    prompts=[self.items.titles[i] for i in item],
                    references=self.items.pixels[item],
                    preferences=wanted[segment],
                    seeds=np.array(seeds, np.int64),
                    steps=settings.steps,
                    guidance=np.full(len(some), guidance, np.float32),
                    method=method,
                )
            )
        return np.concatenate(parts).reshape(len(self.items.ids), len(segments), 64, 64, 3)
