"""Columns that the click models read, and how raw values become numbers near zero.

Both models, the network and the LightGBM baseline, read the same columns of the feature
tables. Counts go through ``log1p``, rates through the logit, and the network also
standardises with means and deviations of the training rows.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jobs.lake.arrays import Floats, Floats32
from jobs.lake.schema.columns import WINDOWS

COUNT_COLUMNS = tuple(f"{what}_{days}d" for days in WINDOWS for what in ("impressions", "clicks", "ctr"))
USER_COLUMNS = (*COUNT_COLUMNS, "recency_hours")
"""Columns of user_features that become numbers; the preference and the affinity are read apart."""
ITEM_COLUMNS = (*COUNT_COLUMNS, "ctr_debiased", "age_days")
"""Columns of item_features that become numbers."""
NEVER_CLICKED_HOURS = 60 * 24.0
"""Recency of a user without any click: beyond every window."""
RATE_FLOOR = 1e-4
"""Rates are clipped to [floor, 1 - floor] before the logit."""
TITLE_COLUMNS = (
    "words",
    "characters",
    "has_exclamation",
    "has_question",
    "has_colon",
    "has_digit",
    "latin",
    "cyrillic",
    "east_asian",
    "other_script",
)
"""Shape of the shown words: lengths as ``log1p``, the rest are shares of letters or 0 and 1."""


def numbers(frame: pd.DataFrame, columns: Sequence[str]) -> Floats32:
    """Raw feature columns as transformed numbers.

    Parameters
    ----------
    frame
        One row per state or item; has every name in ``columns``.
    columns
        ``USER_COLUMNS`` or ``ITEM_COLUMNS``.

    Returns
    -------
    ndarray
        ``(n_rows, n_columns)`` float32: rates as logits, everything else as ``log1p``.

    Examples
    --------
    >>> numbers(pd.DataFrame({"clicks_1d": [0, 1], "ctr_1d": [0.5, 0.5]}), ["clicks_1d", "ctr_1d"]).tolist()
    [[0.0, 0.0], [0.6931471824645996, 0.0]]
    """
    return np.column_stack([_transformed(frame[name], name) for name in columns]).astype(np.float32)


def _transformed(values: pd.Series, name: str) -> Floats:
    if name.startswith("ctr"):
        rate = np.clip(values.to_numpy(np.float64), RATE_FLOOR, 1 - RATE_FLOOR)
        return np.asarray(np.log(rate / (1 - rate)))
    if name == "recency_hours":
        values = values.fillna(NEVER_CLICKED_HOURS)
    return np.asarray(np.log1p(np.maximum(values.to_numpy(np.float64), 0.0)))


def unseen_item(features: pd.DataFrame) -> dict[str, float]:
    """Raw features of an item that the partition does not have: no counts, the global rates, age 0.

    Parameters
    ----------
    features
        item_features of one ds; may be empty.
    """
    prior: dict[str, float] = dict.fromkeys(ITEM_COLUMNS, 0.0)
    for days in WINDOWS:
        shown = float(features[f"impressions_{days}d"].sum()) if len(features) else 0.0
        prior[f"ctr_{days}d"] = float(features[f"clicks_{days}d"].sum()) / shown if shown else RATE_FLOOR
    prior["ctr_debiased"] = float(features["ctr_debiased"].mean()) if len(features) else RATE_FLOOR
    return prior


def unseen_items(values: Floats32) -> Floats32:
    """1 where nobody saw the item in 28 days; ``values`` are item columns of :func:`numbers`, not standardised."""
    return np.asarray(values[:, ITEM_COLUMNS.index("impressions_28d")] == 0, np.float32)


def title_shape(titles: Sequence[str]) -> Floats32:
    """Shape of each text, without its meaning.

    Returns
    -------
    ndarray
        ``(n_titles, len(TITLE_COLUMNS))`` float32.

    Examples
    --------
    >>> dict(zip(TITLE_COLUMNS, title_shape(["Why pizza?"])[0].round(2).tolist()))["has_question"]
    1.0
    """
    rows = [_shape_of(text) for text in titles]
    return np.asarray(rows, np.float32).reshape(len(titles), len(TITLE_COLUMNS))


def _shape_of(text: str) -> list[float]:
    letters = [character for character in text if character.isalpha()]
    scripts = [_script_of(letter) for letter in letters]
    shares = [scripts.count(name) / max(len(letters), 1) for name in ("latin", "cyrillic", "east_asian", "other")]
    marks = [float(any(mark in text for mark in group)) for group in ("!！", "?？", ":：")]
    digit = float(any(character.isdigit() for character in text))
    return [float(np.log1p(len(text.split()))), float(np.log1p(len(text))), *marks, digit, *shares]


def _script_of(letter: str) -> str:
    name = unicodedata.name(letter, "OTHER")
    if name.startswith("LATIN"):
        return "latin"
    if name.startswith("CYRILLIC"):
        return "cyrillic"
    return "east_asian" if name.startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL")) else "other"


@dataclass(frozen=True, kw_only=True)
class Standardiser:
    """Means and deviations per column; a constant column keeps deviation 1."""

    mean: Floats32
    """``(n_columns,)``"""
    deviation: Floats32
    """``(n_columns,)``, all above 0."""

    @classmethod
    def fit(cls, values: Floats32) -> "Standardiser":
        """Of ``(n_rows, n_columns)`` training values."""
        deviation = values.std(axis=0, dtype=np.float64)
        deviation[deviation < 1e-6] = 1.0
        return cls(
            mean=values.mean(axis=0, dtype=np.float64).astype(np.float32), deviation=deviation.astype(np.float32)
        )

    def apply(self, values: Floats32) -> Floats32:
        """Standardised copy, clipped to 6 deviations so that one odd row cannot dominate."""
        return np.asarray(np.clip((values - self.mean) / self.deviation, -6.0, 6.0), np.float32)
