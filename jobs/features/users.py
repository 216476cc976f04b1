"""User features: what each user did over the last days, as of the end of each feature day.

The functions here run in the executors, over Arrow batches sorted by user and time. All feature days are
built in one pass over a user's events: a day's window is a slice of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from jobs.features.chunks import key_offsets, ragged, vectors, whole_keys
from jobs.features.estimators.beta import BetaPrior
from jobs.features.estimators.moments import MomentSums
from jobs.features.estimators.preference import preferences
from jobs.features.log import Catalogue
from jobs.features.windows import HOUR_US, LONGEST, day_text, end_of_day_us, slice_sums, slices
from jobs.lake.arrays import Floats, Ints
from jobs.lake.schema.columns import WINDOWS
from jobs.lake.schema.features import USER_FEATURES

Batches = Iterable[pa.RecordBatch]
CATEGORY = "category"
"""Label of the prior over (user, category) pairs."""


@dataclass(frozen=True)
class UserEvents:
    """One user's events within the scan, oldest first, all arrays (n,)."""

    day: Ints
    clicked: Ints
    category: Ints
    """Place of the item's category, -1 where unknown."""


def split_users(chunk: pa.Table, catalogue: Catalogue) -> Iterator[tuple[int, int, UserEvents]]:
    """Each user's rows in a chunk of whole users: (first row, row after the last, events)."""
    offsets = key_offsets(chunk["user_id"])
    day = chunk["day"].to_numpy().astype(np.int64)
    clicked = chunk["clicked"].to_numpy(zero_copy_only=False).astype(np.int64)
    category = catalogue.categories_of(chunk["item_id"])
    for first, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        yield first, end, UserEvents(day[first:end], clicked[first:end], category[first:end])


def counts(events: UserEvents, days: Ints, width: int) -> tuple[Ints, Ints]:
    """Impressions and clicks, each (d,), in the window of ``width`` days that ends with each day."""
    low, high = slices(events.day, days, width)
    return high - low, slice_sums(events.clicked, low, high)


def category_counts(events: UserEvents, days: Ints) -> tuple[Ints, Ints, Ints]:
    """Categories seen, and impressions and clicks of each, over the longest window.

    Returns
    -------
    tuple
        (c,) places of the categories; (d, c) impressions; (d, c) clicks.
    """
    seen = np.unique(events.category[events.category >= 0])
    one_hot = (events.category[:, None] == seen[None, :]).astype(np.int64)
    low, high = slices(events.day, days, LONGEST)
    return seen, slice_sums(one_hot, low, high), slice_sums(one_hot * events.clicked[:, None], low, high)


def affinity(impressions: Ints, clicks: Ints, own_rate: Floats, strength: Floats) -> Floats:
    r"""How much more a user clicks in a category than elsewhere.

    :math:`\frac{c_{uk} + s\,r_u}{n_{uk} + s} / r_u`: the category's rate, smoothed towards the user's own
    rate :math:`r_u` with the strength :math:`s` of the prior over (user, category) pairs. 1 is neutral,
    which is also what a category the user never saw counts as.

    Parameters
    ----------
    impressions, clicks
        (d, c) counts of a user by category.
    own_rate, strength
        (d,) the user's smoothed rate over the longest window, and the prior's strength.

    Examples
    --------
    >>> one = np.array([[10]]), np.array([[3]]), np.array([0.1]), np.array([10.0])
    >>> affinity(*one).round(6).tolist()
    [[2.0]]
    """
    rate, weight = own_rate[:, None], strength[:, None]
    return (clicks + weight * rate) / (impressions + weight) / rate


def recency_hours(events: UserEvents, ts: Ints, days: Ints) -> Floats:
    """(d,) hours from the last click within the longest window to the end of the day; NaN without one."""
    low, high = slices(events.day, days, LONGEST)
    latest = np.maximum.accumulate(np.where(events.clicked == 1, np.arange(len(ts)), -1))
    last = np.where(high > 0, latest[np.maximum(high - 1, 0)], -1)
    hours = (end_of_day_us(days) - ts[np.maximum(last, 0)]) / HOUR_US
    return np.where(last >= low, hours, np.nan)


def moments_of_users(days: Ints, catalogue: Callable[[], Catalogue]) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Task that adds up the moments of users by day and window, and of (user, category) pairs.

    ``catalogue`` gives the broadcast one. Rows are those of :data:`jobs.features.estimators.moments.SCHEMA`.
    """

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        sums = MomentSums()
        for chunk in whole_keys(batches, "user_id"):
            users = [events for _, _, events in split_users(chunk, catalogue())]
            for width in WINDOWS:
                found = [counts(events, days, width) for events in users]
                sums.add(str(width), days, np.stack([c for _, c in found]), np.stack([n for n, _ in found]))
            pairs = [category_counts(events, days) for events in users]
            sums.add(CATEGORY, days, np.hstack([c for _, _, c in pairs]).T, np.hstack([n for _, n, _ in pairs]).T)
        yield from sums.batches()

    return task


@dataclass(frozen=True)
class UserPriors:
    """The priors of every feature day, (d,) in the order of the days."""

    windows: Mapping[int, Sequence[BetaPrior]]
    """Window length -> prior of each day."""
    category: Sequence[BetaPrior]
    """Prior over (user, category) pairs of each day."""


@dataclass(frozen=True)
class UserRows:
    """One user's feature rows: the days with an impression in the longest window."""

    days: Ints
    """(d,) day numbers."""
    counted: dict[str, Ints | Floats]
    """Column name -> (d,)."""
    recency: Floats
    categories: list[Ints]
    """Per day: places of the categories with impressions."""
    affinities: list[Floats]
    preference: Floats
    """(d, embed_dim + style_dim)."""


def rows_of_user(events: UserEvents, ts: Ints, covers: Floats, days: Ints, priors: UserPriors) -> UserRows:
    """Feature rows of one user.

    Parameters
    ----------
    events
        The user's events, oldest first.
    ts
        (n,) microseconds since the epoch.
    covers
        (n, embed_dim + style_dim) vectors of the covers shown, NaN without one.
    days
        (d,) all feature days.
    priors
        Of the same days.
    """
    low, high = slices(events.day, days, LONGEST)
    here = np.flatnonzero(high > low)
    counted: dict[str, Ints | Floats] = {}
    for width in WINDOWS:
        n, c = counts(events, days[here], width)
        a = np.array([priors.windows[width][place].a for place in here])
        strength = np.array([priors.windows[width][place].strength for place in here])
        counted |= {f"impressions_{width}d": n, f"clicks_{width}d": c, f"ctr_{width}d": (c + a) / (n + strength)}
    seen, n_by, c_by = category_counts(events, days[here])
    strength = np.array([priors.category[place].strength for place in here])
    ratio = affinity(n_by, c_by, np.asarray(counted[f"ctr_{LONGEST}d"], dtype=np.float64), strength)
    return UserRows(
        days=days[here],
        counted=counted,
        recency=recency_hours(events, ts, days[here]),
        categories=[seen[row > 0] for row in n_by],
        affinities=[values[row > 0] for values, row in zip(ratio, n_by, strict=True)],
        preference=preferences(covers, events.clicked, low[here], high[here]),
    )


def user_features(
    days: Ints, priors: UserPriors, catalogue: Callable[[], Catalogue]
) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Task that turns events into rows of ``user_features``, all days of a user at once."""

    def task(batches: Batches) -> Iterator[pa.RecordBatch]:
        for chunk in whole_keys(batches, "user_id"):
            known = catalogue()
            ts = chunk["ts"].cast(pa.int64()).to_numpy()
            covers = known.vectors_of(chunk["cover_id"])
            names, found = [], []
            for first, end, events in split_users(chunk, known):
                rows = rows_of_user(events, ts[first:end], covers[first:end], days, priors)
                names.extend([chunk["user_id"][first]] * len(rows.days))
                found.append(rows)
            yield as_batch(names, found, known)

    return task


def as_batch(user_ids: Sequence[pa.StringScalar], users: Sequence[UserRows], catalogue: Catalogue) -> pa.RecordBatch:
    """The rows of several users as one batch of ``user_features``; ``user_ids`` has one for each row."""
    recency = np.concatenate([rows.recency for rows in users])
    places = [place for rows in users for place in rows.categories]
    affinities = [values for rows in users for values in rows.affinities]
    names = np.array(catalogue.categories, dtype=object)[np.concatenate([*places, np.zeros(0, np.int64)])]
    preference = np.concatenate([rows.preference for rows in users])
    split = catalogue.embeddings.shape[1]
    columns = {
        "ds": pa.array([day_text(day) for rows in users for day in rows.days.tolist()]),
        "user_id": pa.array(user_ids, pa.string()),
        **{name: pa.array(np.concatenate([rows.counted[name] for rows in users])) for name in users[0].counted},
        "recency_hours": pa.array(recency, mask=np.isnan(recency)),
        "category_affinity": pa.MapArray.from_arrays(
            ragged([len(place) for place in places]),
            pa.array(names, pa.string()),
            pa.array(np.concatenate([*affinities, np.zeros(0)])),
        ),
        "pref_embedding": vectors(preference[:, :split]),
        "pref_style": vectors(preference[:, split:]),
    }
    schema = USER_FEATURES.schema
    return pa.record_batch([columns[name].cast(schema.field(name).type) for name in schema.names], schema.names)
