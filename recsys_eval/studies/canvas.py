"""What commands paint on their own over a finished night: items of a split for its segments, outside the plan."""

import argparse
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from conf.load import load_settings
from generation.diffusion.painter import SHIPPED, Painter
from generation.personalization.methods import adapter_folders
from generation.personalization.training.world import Audience, Items
from generation.planning.units import rounded, unit_seed
from jobs.lake.context import Context

BATCH = 32


def night_options(about: str | None) -> argparse.ArgumentParser:
    """The options of a command over a finished night."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="home of a night that ran at least to train-reward")
    parser.add_argument("--ds", type=date.fromisoformat, help="the night; default: of the settings")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile")
    parser.add_argument("-o", "--override", action="append", default=[], metavar="section.key=value")
    return parser


def open_context(arguments: argparse.Namespace) -> Context:
    """The night that parsed :func:`night_options` name; sets torch's threads."""
    torch.set_num_threads(arguments.threads)
    settings = load_settings(profile=arguments.profile, overrides=arguments.override)
    return Context(ds=arguments.ds or settings.ds, home=arguments.home, settings=settings)


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
    ) -> NDArray[np.uint8]:
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
        checkpoint = Path(settings.checkpoint) if settings.checkpoint else SHIPPED
        painter = Painter.load(checkpoint, adapters=adapter_folders(chosen))
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
                    guidance=guidance,
                    method=method,
                )
            )
        return np.concatenate(parts).reshape(len(self.items.ids), len(segments), 64, 64, 3)
