"""Looking at what is painted while the rest is being painted: encoding, scoring and the choice, wave by wave.

A wave is a fixed part of the plan with all units of its items: rewards that compare an item's covers see them all,
and pictures are encoded in the same batches whatever an earlier run, that was killed, had painted.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from conf.errors import TryAgainError
from generation.painting.tasks import Row
from generation.pictures import to_pixels
from generation.planning.units import unit_of
from generation.rewards.candidates import CandidateScorer, choose
from generation.rewards.safety import Safety, SafetyDown
from jobs.lake.arrays import Floats32
from jobs.lake.context import Context
from jobs.lake.schema.columns import SHOWN_PURPOSES
from reward_model.encoders.assets import OPEN_NSFW, AssetError, verified_asset

WAVE_UNITS = 240
"""Units of a wave, about: some quarter of a minute of painting, and what is left to look at when the last is there."""


def waves_of(plan: pa.Table) -> list[pa.Table]:
    """The plan in waves of whole items, in the order of their best units.

    Parameters
    ----------
    plan
        Rows of ``generation_plan``, best ranks first.
    """
    rows: dict[str, list[int]] = {}
    for row, item in enumerate(plan["item_id"].to_pylist()):
        rows.setdefault(item, []).append(row)
    waves: list[list[int]] = []
    for units in rows.values():
        if not waves or len(waves[-1]) + len(units) > WAVE_UNITS:
            waves.append([])
        waves[-1] += units
    return [plan.take(sorted(wave)) for wave in waves]


class Inspection:
    """Candidates of a plan with what was found in their pictures, as waves come in.

    Parameters
    ----------
    ctx
        The night.
    """

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.seconds = {"score": 0.0, "safety": 0.0}
        """Wall seconds by part."""
        self.cpu_seconds = {"score": 0.0, "safety": 0.0}
        """CPU seconds of this process by part; what it waits for is painted by others."""
        self._parts: list[pd.DataFrame] = []
        self._embeddings: list[Floats32] = []
        self._styles: list[Floats32] = []

    @cached_property
    def scorer(self) -> CandidateScorer:
        """Of the night."""
        return CandidateScorer(self.ctx)

    @cached_property
    def _safety(self) -> Safety:
        return Safety(verified_asset(OPEN_NSFW))

    def look(self, wave: pa.Table, outcomes: Sequence[Row]) -> None:
        """Encode, score and choose among the candidates of a wave.

        Parameters
        ----------
        wave
            Rows of the plan.
        outcomes
            Of its units.

        Raises
        ------
        TryAgainError
            The safety scorer is down.
        """
        candidates = candidates_of(wave, outcomes, self.ctx.ds.isoformat())
        if candidates.empty:
            return
        with self._part("score"):
            pictures = np.stack([to_pixels(self.ctx.images.get(cover_id)) for cover_id in candidates["cover_id"]])
            embeddings, styles = self.scorer.encode(pictures)
            candidates = candidates.join(self.scorer.score(candidates, pictures, embeddings, styles))
        with self._part("safety"):
            candidates = candidates.join(self.chosen(candidates))
        self._parts.append(candidates)
        self._embeddings.append(embeddings)
        self._styles.append(styles)

    def found(self) -> tuple[pd.DataFrame, Floats32, Floats32]:
        """All candidates, one row each, and their (N, 128) aligned and (N, 32) style embeddings.

        Raises
        ------
        TryAgainError
            There is not one.
        """
        if not self._parts:
            raise TryAgainError("Nothing was painted: look at logs/triton.log, then run `coverlift generate` again")
        whole = pd.concat(self._parts, ignore_index=True)
        return whole, np.concatenate(self._embeddings), np.concatenate(self._styles)

    def chosen(self, candidates: pd.DataFrame) -> pd.DataFrame:
        """The choice among scored candidates, ``selected`` and ``nsfw``; raises as :meth:`look`."""
        cover_ids = candidates["cover_id"].to_numpy()

        def probabilities(rows: NDArray[np.int64]) -> NDArray[np.float64]:
            return self._safety.probabilities([to_pixels(self.ctx.images.get(each), None) for each in cover_ids[rows]])

        try:
            return choose(candidates, probabilities, max_nsfw=self.ctx.settings.policy.max_nsfw)
        except (AssetError, SafetyDown) as error:
            raise TryAgainError(
                f"The safety scorer is down, so nothing of {self.ctx.ds} may be published: {error}. `coverlift doctor` "
                "says what is missing; then run `coverlift generate` again: what was painted is kept."
            ) from error

    @contextmanager
    def _part(self, name: str) -> Iterator[None]:
        begin, busy = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] += time.perf_counter() - begin
        self.cpu_seconds[name] += time.process_time() - busy


def candidates_of(plan: pa.Table, outcomes: Sequence[Row], ds: str) -> pd.DataFrame:
    """One row per candidate of a painted unit, in the order of the plan.

    Parameters
    ----------
    plan
        Rows of ``generation_plan``.
    outcomes
        Of their units.
    ds
        The night's day: only what was planned as of it may be published.
    """
    painted = {row["unit_id"]: row for row in outcomes if not row["error"]}
    rows: list[dict[str, Any]] = []
    for row in plan.to_pylist():
        if row["unit_id"] not in painted:
            continue
        outcome, publishable = painted[row["unit_id"]], row["as_of"] == ds
        names = ("unit_id", "purpose", "as_of", "item_id", "segment_id", "method", "prompt", "reference_cover_id")
        common = {name: row[name] for name in names} | dict(zip(("width", "height"), unit_of(row).size, strict=True))
        rows += [
            {
                **common,
                "publishable": publishable and row["purpose"] in SHOWN_PURPOSES,
                "candidate": number,
                "seed": seed,
                "cover_id": cover_id,
                "generator": outcome["generator"],
            }
            for number, (seed, cover_id) in enumerate(zip(unit_of(row).seeds(), outcome["cover_ids"], strict=True))
        ]
    return pd.DataFrame(rows)
