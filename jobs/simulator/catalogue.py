"""Items and covers of the stickers world: real subjects and drawings, simulated quality and popularity."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from jobs.lake.arrays import Flags, Floats, Ints, Strings
from jobs.lake.splits import split_of
from jobs.simulator.parameters import DEFAULT_SHARES, ModelParameters
from jobs.stickers.pack import PicturePack

YEAR_SECONDS = 365 * 86_400


@dataclass(frozen=True, kw_only=True)
class SimulatedItems:
    """All items, in the order of the pack. ``I`` items, ``F`` = 6 families, ``K`` factors."""

    pack: PicturePack
    item_ids: tuple[str, ...]
    held_out: Flags
    """(I,) launches on the last night; never in the log."""
    drawn: Flags
    """(I, F) the family draws the subject (held-out ones included: the truth knows them)."""
    covers: Flags
    """(I, F) the drawing is a cover of the feed: every drawing, but only the default of a held-out item."""
    cover_ids: Strings
    """(I, F) SHA-256 of the drawing's bytes; empty where it does not exist."""
    default: Ints
    """(I,) family of the original cover."""
    created_at: tuple[datetime, ...]
    quality: Floats
    """(I,) logits."""
    popularity: Floats
    """(I,) exposure weight, Zipf; not normalised."""
    factors: Floats
    """(I, K) with unit variance: what tastes for subjects are projected on."""

    @property
    def size(self) -> int:
        """Number of items."""
        return len(self.item_ids)


def default_families(drawn: Flags, families: tuple[str, ...], rng: np.random.Generator) -> Ints:
    """(I,) family of each item's original cover: drawn by ``DEFAULT_SHARES`` among those that exist."""
    weights = drawn * np.array([DEFAULT_SHARES[family] for family in families])
    edges = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    family: Ints = (rng.random((len(drawn), 1)) > edges[:, :-1]).sum(axis=1)
    return family


def item_factors(pack: PicturePack, parameters: ModelParameters, rng: np.random.Generator) -> Floats:
    """(I, K): a part shared by the group, a part shared by the subgroup, a part of its own."""
    shares = (parameters.group_share, parameters.subgroup_share, 1 - parameters.group_share - parameters.subgroup_share)
    keys = ([s.group for s in pack.subjects], [s.subgroup for s in pack.subjects], [s.code for s in pack.subjects])
    factors = np.zeros((len(pack.subjects), parameters.factors))
    for share, names in zip(shares, keys, strict=True):
        distinct, which = np.unique(names, return_inverse=True)
        factors += np.sqrt(share) * rng.standard_normal((len(distinct), parameters.factors))[which]
    standard: Floats = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    return standard


def zipf_popularity(quality: Floats, parameters: ModelParameters, rng: np.random.Generator) -> Floats:
    """(I,) weight rank ** -power, where good items tend to rank high."""
    rho = parameters.popularity_quality
    noise = rng.standard_normal(len(quality))
    score = rho * quality / max(parameters.quality_sd, 1e-9) + np.sqrt(1 - rho**2) * noise
    rank = np.empty(len(quality))
    rank[np.argsort(-score)] = np.arange(1, len(quality) + 1)
    return np.asarray(rank**-parameters.popularity_power, dtype=np.float64)


def build_catalogue(
    pack: PicturePack, parameters: ModelParameters, *, start: date, last_day: date, seed: np.random.SeedSequence
) -> SimulatedItems:
    """Draw what is simulated about items.

    Parameters
    ----------
    pack, parameters
        The real pictures, and the model's numbers.
    start
        First day of the log: items of the log were created in the year before it.
    last_day
        Last day of the log: held-out items are created at its 00:00 UTC.
    seed
        Determines everything drawn here.
    """
    rng = np.random.default_rng(seed)
    codes = tuple(subject.code for subject in pack.subjects)
    held_out = np.array([split_of(code) == "held_out" for code in codes])
    cover_ids = np.array(
        [
            [
                hashlib.sha256(pack.bytes(code, f)).hexdigest() if f in pack.families_of(code) else ""
                for f in pack.families
            ]
            for code in codes
        ]
    )
    drawn = cover_ids != ""
    default = default_families(drawn, pack.families, rng)
    is_default = np.arange(len(pack.families)) == default[:, None]
    quality = parameters.quality_sd * rng.standard_normal(len(codes))
    popularity = zipf_popularity(quality, parameters, rng)
    opening = datetime.combine(start, time(), UTC)
    launch = datetime.combine(last_day, time(), UTC)
    ages = rng.integers(1, YEAR_SECONDS, len(codes))
    return SimulatedItems(
        pack=pack,
        item_ids=codes,
        held_out=held_out,
        drawn=drawn,
        covers=drawn & (is_default | ~held_out[:, None]),
        cover_ids=cover_ids,
        default=default,
        created_at=tuple(
            launch if new else opening - timedelta(seconds=int(age)) for new, age in zip(held_out, ages, strict=True)
        ),
        quality=quality,
        popularity=popularity,
        factors=item_factors(pack, parameters, rng),
    )
