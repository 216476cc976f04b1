"""The panel's figures: every measure, family by family, as a ratio to real drawings, the worst first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from jobs.lake.arrays import Flags, Floats, Floats32, Pixels
from jobs.stickers.pack import FAMILIES
from recsys_eval.judge.image_metrics import Pictures, subject_ranks
from recsys_eval.panel.pairs import Pairs
from recsys_eval.panel.real_or_painted import STEPS, auc, two_sample_test
from recsys_eval.panel.shape import colours_needed, gradient_energy, halo
from recsys_eval.statistics.bootstrap import Interval, bootstrap_ratio

EVERY = "all"
"""All families together."""
SHAPES: Mapping[str, Callable[[Pixels], Floats]] = {
    "edge halo": halo,
    "colours needed": colours_needed,
    "gradient energy": gradient_energy,
}
SHARE, RATIO, AUC = "share of real drawings'", "ratio to real drawings", "AUC"
"""Kinds of figure: more is no fault in a share; a ratio should be 1; an AUC 0.5."""
REPLICATES = 500

Views = Callable[[Pixels], tuple[Floats32, Floats32]]
"""Pixels (N, 64, 64, 3) -> style probabilities (N, 6) and L2-normalised subject embeddings (N, D)."""


@dataclass(frozen=True, kw_only=True)
class PanelFigure:
    """One measure of one family's covers."""

    measure: str
    family: str
    kind: str
    found: Interval
    painted: float | None = None
    real: float | None = None
    """Of a share or a ratio: the mean over painted covers and over drawings."""

    @property
    def fault(self) -> float:
        """0 where painted covers are like drawings, towards 1 the less they are; what the worst is found by."""
        value = self.found.value
        if self.kind == AUC:
            return max(0.0, 2 * value - 1)
        if self.kind == SHARE:
            return max(0.0, 1 - value)
        return 1 - min(value, 1 / value) if value > 0 else 1.0


def worst_first(figures: list[PanelFigure]) -> list[PanelFigure]:
    """The figure with the greatest fault first."""
    return sorted(figures, key=lambda each: -each.fault)


def by_family(pairs: Pairs) -> dict[str, Flags]:
    """Rows of all families and of each that has any, (N,)."""
    rows = {EVERY: np.ones(len(pairs), bool)}
    rows |= {name: pairs.painted.families == number for number, name in enumerate(FAMILIES)}
    return {name: chosen for name, chosen in rows.items() if chosen.any()}


def classified(name: str, networks: list[Views], pairs: Pairs, gallery: Pictures) -> list[PanelFigure]:
    """Style found and subject found first (R@1) by networks, as shares of what they find in the real drawings.

    Parameters
    ----------
    name
        Of the networks.
    networks
        One, or several trained with different seeds, whose hits are averaged.
    pairs
        Covers and drawings.
    gallery
        Drawings of all subjects to choose from; a picture is looked up among the other families'.
    """
    codes, families = pairs.painted.codes, pairs.painted.families
    hits: dict[str, list[list[Flags]]] = {"style": [[], []], "subject R@1": [[], []]}
    for network in networks:
        _, among = network(gallery.pixels)
        for side, pixels in enumerate((pairs.painted.pixels, pairs.real)):
            style, embedding = network(pixels)
            ranks = subject_ranks(
                embedding, codes, among, gallery.codes, query_families=families, gallery_families=gallery.families
            )
            hits["style"][side].append(style.argmax(axis=1) == families)
            hits["subject R@1"][side].append(ranks == 1)
    figures = []
    for what, sides in hits.items():
        painted, real = (np.mean(side, axis=0) for side in sides)
        figures += _ratios(f"{name}: {what}", SHARE, painted, real, pairs)
    return figures


def shaped(pairs: Pairs) -> list[PanelFigure]:
    """The three measures without a network."""
    figures = []
    for name, measure in SHAPES.items():
        figures += _ratios(name, RATIO, measure(pairs.painted.pixels), measure(pairs.real), pairs)
    return figures


def separability(pairs: Pairs, *, seed: int = 0, steps: int = STEPS) -> list[PanelFigure]:
    """How well a fresh classifier tells painted covers from real drawings of subjects that it did not see."""
    found = two_sample_test(pairs, seed=seed, steps=steps)
    return [
        PanelFigure(
            measure="real or painted",
            family=family,
            kind=AUC,
            found=auc(found.painted[rows], found.real[rows], pairs.painted.codes[rows], n=REPLICATES),
        )
        for family, rows in by_family(pairs).items()
    ]


def _ratios(measure: str, kind: str, painted: Floats, real: Floats, pairs: Pairs) -> list[PanelFigure]:
    """Sums over painted covers over sums over drawings, subjects resampled; without what drawings have none of."""
    return [
        PanelFigure(
            measure=measure,
            family=family,
            kind=kind,
            found=bootstrap_ratio(painted[rows], real[rows], pairs.painted.codes[rows], n=REPLICATES),
            painted=float(painted[rows].mean()),
            real=float(real[rows].mean()),
        )
        for family, rows in by_family(pairs).items()
        if real[rows].sum() > 0
    ]
