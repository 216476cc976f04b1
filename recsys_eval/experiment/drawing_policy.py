"""Off-policy check of choosing covers at all: each user sees the existing drawing the model prefers for them.

The log shows another existing drawing of an item now and then, at random. That is enough to
estimate, without asking anybody, the CTR of a policy that picks for each user the drawing with
the highest click probability, and to compare it with showing the original always. Covers are
the log's only difference between the two policies: items, positions and words stay as logged.
"""

import numpy as np
import polars as pl

from jobs.lake.arrays import Flags, Floats, Ints
from jobs.lake.examination import examination_at
from recsys_eval.experiment.off_policy import LoggedRounds
from recsys_eval.experiment.played_day import value_findings
from recsys_eval.night import Findings, Night
from recsys_eval.ranking.features import LOGGED_COLUMNS, ImpressionFeatures

MAX_ROUNDS = 20_000
"""Impressions used, whole users at a time: every cover of every one of them is scored."""


def cover_propensity(is_default: Flags, n_covers: Ints) -> Floats:
    """Probability with which the log showed a cover, (n,), from the log itself.

    A logged propensity may cover more than the cover (the words shown too), and the policies here
    leave that as it was. The log chooses covers by item only, so the share of impressions that show
    the default is estimated over all items with as many covers, and the rest is shared alike.
    Estimated propensities are no worse than true ones (Hirano, Imbens and Ridder, Econometrica 2003).

    Examples
    --------
    >>> cover_propensity(np.array([True, True, True, False]), np.array([3, 3, 3, 3])).tolist()
    [0.75, 0.75, 0.75, 0.125]
    """
    shown = np.bincount(n_covers).astype(np.float64)
    defaults = np.bincount(n_covers, weights=is_default, minlength=shown.size)
    share = np.divide(defaults, shown, out=np.ones_like(shown), where=shown > 0)[n_covers]
    return np.where(is_default, share, (1 - share) / np.maximum(n_covers - 1, 1))


def existing_covers(night: Night) -> pl.DataFrame:
    """Original covers of items that have several: item_id, cover (row in the covers), n_covers."""
    table = night.lake.read("covers", columns=["item_id", "cover_id"], filters=[("source", "=", "original")])
    frame = pl.DataFrame(table)
    rows = night.sources.cover_rows(frame["cover_id"])
    known = frame.select("item_id").with_columns(cover=pl.Series(rows, dtype=pl.Int64)).filter(pl.col("cover") > 0)
    return known.unique().with_columns(n_covers=pl.len().over("item_id")).filter(pl.col("n_covers") > 1)


def measure_drawings(night: Night) -> Findings:
    """Off-policy values of the preferred drawing and of the original, from the log after the cut."""
    night.begin("off-policy value of choosing drawings")
    covers = existing_covers(night)
    chosen = _rounds(night.log, covers)
    if not chosen.any():
        return Findings(notes=["no item has several covers: there is no choice of drawings to evaluate off-policy"])
    impressions = ImpressionFeatures(night.sources, night.log.frame.filter(pl.Series(chosen)).select(LOGGED_COLUMNS))
    preferred = _preferred(impressions, covers)
    default, logged = impressions.default_row, impressions.logged_row
    counts = impressions.frame.select("item_id").join(
        covers.select("item_id", "n_covers").unique(), on="item_id", how="left", maintain_order="left"
    )
    propensity = cover_propensity(logged == default, counts["n_covers"].to_numpy().astype(np.int64))
    seen = examination_at(night.examination, impressions.position)
    impressions.score([logged, default])
    findings = Findings()
    place = f"{night.logged_days[0]} to {night.logged_days[-1]}, items with several drawings"
    for policy, target in (("preferred drawing", preferred), ("original drawing", default)):
        rounds = LoggedRounds(
            user=impressions.user,
            reward=impressions.clicked.astype(np.float64),
            propensity=propensity,
            target=(logged == target).astype(np.float64),
            expected_logged=impressions.probability(logged) * seen,
            expected_target=impressions.probability(target) * seen,
        )
        findings.add(value_findings(night, rounds, policy=policy, place=place))
    return findings


def _rounds(log: ImpressionFeatures, covers: pl.DataFrame) -> Flags:
    """(n,) impressions to use: items with several covers, a logged cover that is known, whole users up to the limit."""
    usable = log.frame["item_id"].is_in(covers["item_id"].unique().to_list()).to_numpy() & (log.logged_row > 0)
    per_user = np.bincount(log.user, weights=usable)
    order = np.random.default_rng(0).permutation(per_user.size)
    within = np.zeros(per_user.size, bool)
    within[order] = np.cumsum(per_user[order]) <= MAX_ROUNDS
    return np.asarray(usable & within[log.user])


def _preferred(impressions: ImpressionFeatures, covers: pl.DataFrame) -> Ints:
    """(n,) the existing cover with the highest click probability for each impression's user."""
    options = covers.sort("item_id", "cover").with_columns(number=pl.int_range(pl.len()).over("item_id"))
    wide = options.pivot(on="number", index="item_id", values="cover").fill_null(0)
    rows = impressions.frame.select("item_id").join(wide, on="item_id", how="left", maintain_order="left")
    choices = [rows[name].fill_null(0).to_numpy().astype(np.int64) for name in wide.columns[1:]]
    impressions.score(choices)
    scores = np.stack([np.nan_to_num(impressions.probability(choice), nan=-1.0) for choice in choices])
    return np.asarray(np.stack(choices)[scores.argmax(axis=0), np.arange(len(impressions))], np.int64)
