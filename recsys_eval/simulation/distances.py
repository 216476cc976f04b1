"""How near painted covers come to the drawing that the segment would like best, and how much they differ.

For new items, whose drawings nothing was trained on. Two distances to the real drawing in the
segment's favourite family: an LPIPS-like one in the judge's feature maps, and 1 minus the cosine in
the packaged encoder, which is what the personal reward sees. Diversity is the mean distance between
what an item is shown as for segments with different favourites, beside that between the same
families' real drawings. Arms are compared on the same pairs of item and segment.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from jobs.lake.arrays import Floats, Floats32, Ints, Pixels, Strings
from recsys_eval.arm_names import ORIGINAL, PUBLISHED
from recsys_eval.judge.appearance import JudgedDrawings
from recsys_eval.judge.image_metrics import FeatureJudge, mean_pairwise_distance, perceptual_distance
from recsys_eval.judge.judgements import CachedFeatures
from recsys_eval.judge.known_drawings import picture_id
from recsys_eval.night import Findings, Night
from recsys_eval.simulation.context import Simulation, favourite_families
from recsys_eval.simulation.painted import Painted
from recsys_eval.statistics.bootstrap import Interval, bootstrap_mean, bootstrap_ratio
from recsys_eval.statistics.figures import Figure, figure
from recsys_eval.statistics.lift import Estimate
from reward_model.encoders.compiled import load_picture_encoder
from reward_model.encoders.model import ENCODER_ID, PictureEncoder, encode_pictures

Distance = Callable[[Pixels], Floats]
"""(N,) distances of pictures (N, 64, 64, 3) to the true drawings."""


@dataclass(frozen=True, kw_only=True)
class SegmentPairs:
    """Pairs of item and segment that all arms have a picture for. ``N`` pairs."""

    item: Strings
    family: Ints
    """(N,) the segment's favourite."""
    real: Pixels
    """(N, 64, 64, 3) the true drawing."""
    arms: dict[str, Pixels]
    """Arm to (N, 64, 64, 3)."""


def measure_distances(night: Night, simulation: Simulation, drawings: JudgedDrawings) -> Findings:
    """Distances to the true drawing, and diversity, of every arm of the held-out items.

    Parameters
    ----------
    night, simulation
        The night and its world.
    drawings
        Real drawings, those of all held-out subjects among them.
    """
    pairs = pairs_of(simulation, drawings)
    if not len(pairs.item):
        return Findings(notes=["no published cover is of a held-out subject: distances to drawings were left out"])
    resampling = {"n": night.ctx.settings.evaluate.bootstrap, "seed": night.ctx.settings.evaluate.seed}
    judge = CachedFeatures(simulation.judge)
    encoder = CachedFeatures(PackagedEncoder(load_picture_encoder()), known_vectors(night, simulation.painted))
    distances = Findings()
    for name, about, distance in (
        ("judge", "perceptual distance in the judge's features", judged(judge, pairs.real)),
        ("encoder", "distance in the packaged encoder", encoded(encoder, pairs.real)),
    ):
        for arm, pictures in pairs.arms.items():
            found = bootstrap_mean(distance(pictures), pairs.item, **resampling)
            words = f"Mean {about} between {arm} covers of held-out subjects and the true drawing"
            distances.figures.append(_figure(f"distance.{name}.{arm}", words, found, "distance"))
    findings = _diversity(judge, pairs, resampling)
    findings.add(distances)
    return findings


def judged(judge: FeatureJudge, real: Pixels) -> Distance:
    """LPIPS-like distance in the judge's features."""
    return lambda pictures: perceptual_distance(judge, pictures, real).astype(np.float64)


class PackagedEncoder:
    """The packaged encoder, its two vectors of a picture as one: what it shows and how it is drawn.

    Parameters
    ----------
    encoder
        As it is loaded.
    """

    def __init__(self, encoder: PictureEncoder) -> None:
        self._encoder = encoder

    def features(self, pixels: Pixels) -> Floats32:
        """(N, 160) float32, both parts L2-normalised."""
        return np.concatenate(encode_pictures(self._encoder, pixels), axis=1)


def known_vectors(night: Night, painted: Painted) -> dict[str, Floats32]:
    """Picture id to the vectors that ``cover_features`` has of painted covers; empty for another encoder's night."""
    if night.encoder_id != ENCODER_ID or not painted.cover_ids:
        return {}
    rows = night.sources.cover_rows(pl.Series(painted.cover_ids, dtype=pl.String))
    vectors = night.sources.covers.vectors
    return {picture_id(painted.pixels[at]): vectors[row] for at, row in enumerate(rows) if row > 0}


def encoded(encoder: FeatureJudge, real: Pixels) -> Distance:
    """1 minus the mean of two cosines: of what a picture shows and of how it is drawn."""
    true = encoder.features(real)
    return lambda pictures: np.asarray(1 - (encoder.features(pictures) * true).sum(1) / 2, np.float64)


def _figure(name: str, about: str, found: Interval, unit: str) -> Figure:
    estimate = Estimate(value=found.value, low=found.low, high=found.high)
    return figure(name, about, estimate, n=found.n, unit=unit, simulated=True, of="subjects")


def pairs_of(simulation: Simulation, drawings: JudgedDrawings) -> SegmentPairs:
    """Held-out items x segments that every arm has a picture for, where the favourite family draws the item."""
    painted = simulation.painted
    favourite = favourite_families(
        simulation.world, simulation.audience.users, simulation.audience.segment, len(painted.segment_ids)
    )
    row_of = {key: row for row, key in enumerate(zip(drawings.codes.tolist(), drawings.families.tolist(), strict=True))}
    held_out = set(simulation.pack.codes("held_out"))
    shown = {PUBLISHED: painted.published, **painted.beside}
    complete = np.logical_and.reduce([pictures >= 0 for pictures in shown.values()])
    cells = [
        (item, segment)
        for item, segment in zip(*np.nonzero(complete), strict=True)
        if painted.item_ids[item] in held_out and (painted.item_ids[item], int(favourite[segment])) in row_of
    ]
    item, segment = np.array(cells, np.int64).reshape(-1, 2).T
    codes = np.array([painted.item_ids[number] for number in item], dtype=np.str_)
    default = simulation.world.items.default[simulation.items[item]]
    families = favourite[segment]

    def drawn(family: Ints) -> Pixels:
        rows = [row_of[key] for key in zip(codes.tolist(), family.tolist(), strict=True)]
        return drawings.pixels[np.array(rows, np.int64)]

    arms = {ORIGINAL: drawn(default), **{arm: painted.pixels[shown[arm][item, segment]] for arm in shown}}
    return SegmentPairs(item=codes, family=families, real=drawn(families), arms=arms)


def _diversity(judge: FeatureJudge, pairs: SegmentPairs, resampling: dict[str, int]) -> Findings:
    """Mean distance between what segments with different favourites get, as a share of that between real drawings."""
    groups = list(_of_several(pairs))
    if not groups:
        return Findings(notes=["no held-out subject was painted for two tastes: diversity was left out"])
    subjects = np.array([str(pairs.item[rows[0]]) for rows in groups])

    def spread(pictures: Pixels) -> Floats:
        return np.array([mean_pairwise_distance(judge.features(pictures[rows])) for rows in groups])

    between = spread(pairs.real)
    about = "covers of one held-out subject for segments with different favourites, as a share of that between the"
    findings = Findings()
    for arm, pictures in pairs.arms.items():
        if arm == ORIGINAL:
            continue
        found = bootstrap_ratio(spread(pictures), between, subjects, **resampling)
        words = f"Mean perceptual distance between {arm} {about} real drawings"
        findings.figures.append(_figure(f"diversity.{arm}", words, found, "share of real drawings'"))
    return findings


def _of_several(pairs: SegmentPairs) -> Iterator[Ints]:
    """Rows of each subject that has at least two favourites, one row a favourite."""
    for code in np.unique(pairs.item):
        rows = np.flatnonzero(pairs.item == code)
        _, first = np.unique(pairs.family[rows], return_index=True)
        if len(first) > 1:
            yield rows[first]
