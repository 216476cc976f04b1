"""The baseline: LightGBM on the same rows, with the features a ranking team would give it.

It sees everything the network sees in tabular form: counts, rates, affinity, position, the
shape of the words, the style of the cover and of the user's preference, products of
preference and candidate, also apart for the recent clicks of the history, and the estimated tastes.
"""

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from conf.settings import RewardSettings
from jobs.lake.arrays import Flags, Floats, Floats32
from jobs.lake.schema.columns import EMBED_DIM, STYLE_DIM
from reward_model.calibration import Calibration, fit_platt
from reward_model.dataset import Examples
from reward_model.network.features import ITEM_COLUMNS, TITLE_COLUMNS, USER_COLUMNS
from reward_model.network.user_state import VECTOR_DIM, History, States
from reward_model.tastes.estimates import NAMES as TASTE_NAMES
from reward_model.tastes.estimates import Tastes

MAX_ROUNDS = 600
EARLY_STOPPING = 30
FAMILIARITY_PRIOR = 2.0
"""Events that shrink the familiarity of a category towards everybody's."""
PRODUCTS = (
    "preference_embedding_dot",
    "preference_style_dot",
    "preference_embedding_cosine",
    "preference_style_cosine",
    "clicked_embedding_dot",
    "clicked_style_dot",
    "skipped_embedding_dot",
    "skipped_style_dot",
    "words_dot",
    "words_preference_dot",
)
"""Products of what the user likes, or last clicked and skipped, with the candidate."""
FEATURES = (
    *(f"user_{name}" for name in USER_COLUMNS),
    *(f"item_{name}" for name in ITEM_COLUMNS),
    *(f"title_{name}" for name in TITLE_COLUMNS),
    *PRODUCTS,
    "affinity",
    "position",
    "history_click_share",
    "category_familiarity",
    "category",
    *(f"style_{number}" for number in range(STYLE_DIM)),
    *(f"preference_style_{number}" for number in range(STYLE_DIM)),
    *(f"taste_{name}" for name in TASTE_NAMES),
)
"""Names of the columns of :func:`tabular`, in order."""


@dataclass(kw_only=True)
class Baseline:
    """A trained booster and its calibration."""

    booster: lightgbm.Booster
    calibration: Calibration
    tastes: Tastes | None = None
    """The network's, so that both are told the same; None: missing columns."""

    def probabilities(self, examples: Examples) -> Floats:
        """Calibrated click probabilities, ``(n_rows,)`` float64."""
        return self.calibration.apply(self.booster.predict(tabular(examples, self.tastes), raw_score=True))


def tabular(examples: Examples, tastes: Tastes | None = None) -> Floats32:
    """Rows as LightGBM reads them, ``(n_rows, len(FEATURES))`` float32; NaN for tastes where there are none."""
    known = np.full((len(examples), len(TASTE_NAMES)), np.nan) if tastes is None else tastes.of_candidates(examples)
    state, vectors = examples.state, examples.covers.vectors
    candidate = vectors[examples.cover]
    preference = examples.states.preference[state]
    words = examples.items.words[examples.item]
    clicked, skipped, share = recent_means(examples.states, vectors)
    return np.column_stack(
        [
            examples.states.numeric[state],
            examples.item_numeric,
            examples.title_shapes[examples.title],
            *_halves(preference, candidate),
            *_halves(_unit(preference), candidate),
            *_halves(clicked[state], candidate),
            *_halves(skipped[state], candidate),
            (words * candidate[:, :EMBED_DIM]).sum(axis=1),
            (words * preference[:, :EMBED_DIM]).sum(axis=1),
            examples.affinity,
            examples.position,
            share[state],
            category_familiarity(examples),
            examples.items.category[examples.item],
            candidate[:, EMBED_DIM:],
            preference[:, EMBED_DIM:],
            known,
        ]
    ).astype(np.float32)


def recent_means(states: States, vectors: Floats32) -> tuple[Floats32, Floats32, Floats32]:
    """Mean vector of the clicked and of the skipped events, and the share of clicks, per state.

    Returns
    -------
    clicked, skipped
        ``(n_states, 160)``; zeros without such events.
    share
        ``(n_states,)``
    """
    history = states.history
    clicked, clicks = _mean_of(history, history.present & history.clicked, vectors)
    skipped, skips = _mean_of(history, history.present & ~history.clicked, vectors)
    return clicked, skipped, (clicks / np.maximum(clicks + skips, 1.0)).astype(np.float32)


def _mean_of(history: History, chosen: Flags, vectors: Floats32) -> tuple[Floats32, Floats32]:
    """Mean vector of the chosen events of each state, and their number."""
    total = np.zeros((len(chosen), VECTOR_DIM), np.float32)
    for event in range(chosen.shape[1]):
        total += vectors[history.cover[:, event]] * chosen[:, event, None]
    count = chosen.sum(axis=1).astype(np.float32)
    return total / np.maximum(count, 1.0)[:, None], count


def category_familiarity(examples: Examples) -> Floats32:
    """Log of how often the user met the item's category relative to all users, ``(n_rows,)``."""
    history, category = examples.states.history, examples.items.category
    seen, wanted = category[history.item], category[examples.item]
    used = np.unique(examples.state)
    counts = np.bincount(seen[used][history.present[used]], minlength=len(examples.items.categories) + 1)
    everybody = counts / max(counts.sum(), 1)
    met = np.zeros(len(examples), np.float32)
    for event in range(seen.shape[1]):
        met += (seen[:, event][examples.state] == wanted) & history.present[:, event][examples.state]
    expected = history.present.sum(axis=1)[examples.state] * everybody[wanted]
    return np.asarray(np.log((met + FAMILIARITY_PRIOR) / (expected + FAMILIARITY_PRIOR)), np.float32)


def train_baseline(
    training: Examples, validation: Examples, settings: RewardSettings, tastes: Tastes | None = None
) -> Baseline:
    """Boosted trees, stopped and calibrated on ``validation`` like the network."""
    parameters: dict[str, Any] = {
        "objective": "binary",
        "learning_rate": 0.03,
        "num_leaves": 7,
        "min_data_in_leaf": 100,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "seed": settings.seed,
        "num_threads": settings.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    category = [FEATURES.index("category")]
    known = lightgbm.Dataset(
        tabular(training, tastes), training.clicked, feature_name=list(FEATURES), categorical_feature=category
    )
    asked = tabular(validation, tastes)
    seen = known.create_valid(asked, validation.clicked)
    booster = lightgbm.train(
        parameters,
        known,
        num_boost_round=MAX_ROUNDS,
        valid_sets=[seen],
        callbacks=[lightgbm.early_stopping(EARLY_STOPPING, verbose=False)],
    )
    logits = np.asarray(booster.predict(asked, raw_score=True))
    return Baseline(booster=booster, calibration=fit_platt(logits, validation.clicked), tastes=tastes)


def _halves(left: Floats32, right: Floats32) -> tuple[Floats32, Floats32]:
    """Products over the embedding and over the style."""
    product = left * right
    return product[:, :EMBED_DIM].sum(axis=1), product[:, EMBED_DIM:].sum(axis=1)


def _unit(vectors: Floats32) -> Floats32:
    """Both halves at length 1; zeros stay."""
    result = vectors.copy()
    for part in (slice(0, EMBED_DIM), slice(EMBED_DIM, None)):
        length = np.linalg.norm(result[:, part], axis=1, keepdims=True)
        result[:, part] /= np.maximum(length, 1e-9)
    return result
