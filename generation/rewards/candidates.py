"""Scoring candidates on the driver, all at once, and choosing the best of each unit."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from generation.catalogue import CoverVectors, items_with_default, original_covers, segment_profiles
from generation.pictures import to_pixels
from generation.rewards.base import RewardPanel
from generation.rewards.batch import PictureBatch
from generation.rewards.personal import Personal
from generation.rewards.registry import DETAILED, Ingredients, build_panel
from generation.types import SEEN, SIZE
from jobs.lake.context import Context
from reward_model.encoders.compiled import fastest
from reward_model.encoders.model import ENCODER_ID, encode_pictures, load_encoders
from reward_model.scorer import PersonalScorer

REFERENCE_COVERS = 256
"""Real covers that rewards are normalised on: the first by id, which is a hash and so a fixed random sample."""


class CandidateScorer:
    """Encodes and scores painted pictures.

    Parameters
    ----------
    ctx
        The night.
    """

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.encoder_id = ENCODER_ID
        self.encoders = load_encoders()
        self.pictures = fastest(self.encoders.image)
        self._panels: dict[str, RewardPanel] = {}

    def encode(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(N, 128) aligned and (N, 32) style embeddings of (N, 64, 64, 3) pictures."""
        embeddings, styles = encode_pictures(self.pictures, pictures, self.ctx.settings.encode.batch_size)
        return np.asarray(embeddings, np.float32), np.asarray(styles, np.float32)

    def texts(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """(N, 128) aligned embeddings of prompts; a prompt that repeats is encoded once."""
        unique = list(dict.fromkeys(prompts))
        _, aligned = self.encoders.text.encode(unique)
        place = {prompt: row for row, prompt in enumerate(unique)}
        return np.asarray(aligned, np.float32)[[place[prompt] for prompt in prompts]]

    def score(
        self,
        candidates: pd.DataFrame,
        pictures: NDArray[np.uint8],
        embeddings: NDArray[np.float32],
        styles: NDArray[np.float32],
    ) -> pd.DataFrame:
        """Raw rewards by name and ``score``, their weighted and normalised sum, row by row.

        Parameters
        ----------
        candidates
            as_of, method, item_id, segment_id, prompt, reference_cover_id; cover_id, width and height where pictures
            may be larger than what the packaged encoders see. Rewards that compare covers of an item see those of one
            method.
        pictures, embeddings, styles
            Of the same rows.
        """
        references = CoverVectors.read(self.ctx.lake, self.encoder_id, candidates["reference_cover_id"])
        whole = PictureBatch(
            detailed=self._detailed(candidates),
            reference_pictures=self._originals(candidates["reference_cover_id"].tolist()),
            pictures=pictures,
            embeddings=embeddings,
            styles=styles,
            reference_embeddings=references.embeddings[references.where(candidates["reference_cover_id"])],
            text_embeddings=self.texts(candidates["prompt"].tolist()),
            item_ids=candidates["item_id"].tolist(),
            segment_ids=candidates["segment_id"].tolist(),
            prompts=candidates["prompt"].tolist(),
        )
        parts = []
        for as_of, method in candidates[["as_of", "method"]].drop_duplicates().itertuples(index=False):
            rows = np.flatnonzero((candidates["as_of"] == as_of) & (candidates["method"] == method))
            raw, total = self._panel(as_of).score(_taken(whole, rows))
            parts.append(pd.DataFrame({**raw, "score": total}, index=rows))
        return pd.concat(parts).sort_index().set_axis(candidates.index)

    def _detailed(self, covers: pd.DataFrame) -> NDArray[np.uint8] | None:
        """(N, 224, 224, 3) of cover_id, where a reward sees so much and a cover has it."""
        weights = self.ctx.settings.weights.model_dump()
        if not any(weights[name] for name in DETAILED) or "width" not in covers:
            return None
        if covers[["width", "height"]].to_numpy().max() <= SIZE:
            return None
        return np.stack([to_pixels(self.ctx.images.get(cover_id), SEEN) for cover_id in covers["cover_id"]])

    def _originals(self, cover_ids: Sequence[str]) -> NDArray[np.uint8] | None:
        """(N, 64, 64, 3) of default covers, where a reward looks at them."""
        if not self.ctx.settings.weights.resemblance:
            return None
        known = {cover_id: to_pixels(self.ctx.images.get(cover_id)) for cover_id in dict.fromkeys(cover_ids)}
        return np.stack([known[cover_id] for cover_id in cover_ids])

    def _panel(self, as_of: str) -> RewardPanel:
        """The rewards as of a day; they read users' weeks and real covers, once for all waves of a night."""
        if as_of not in self._panels:
            day, settings = date.fromisoformat(as_of), self.ctx.settings
            scorer = PersonalScorer.of_champion(self.ctx, day)
            given = Ingredients(
                reference=self.real_covers(day), personal=Personal(scorer), models=settings.reward_models
            )
            self._panels[as_of] = build_panel(settings.weights, given)
        return self._panels[as_of]

    def real_covers(self, as_of: date) -> PictureBatch:
        """Real covers beside their items' default ones, other drawings first, each for one segment in turn."""
        items = items_with_default(self.ctx.lake, as_of)
        covers = original_covers(self.ctx.lake, as_of).merge(
            items[["item_id", "title", "reference_cover_id"]], on="item_id"
        )
        covers = covers.sort_values(["is_default", "cover_id"]).head(REFERENCE_COVERS)
        vectors = CoverVectors.read(
            self.ctx.lake, self.encoder_id, [*covers["cover_id"], *covers["reference_cover_id"]]
        )
        own, default = vectors.where(covers["cover_id"]), vectors.where(covers["reference_cover_id"])
        segments = [segment.segment_id for segment, size in segment_profiles(self.ctx.lake, as_of) if size > 0]
        return PictureBatch(
            detailed=self._detailed(covers),
            reference_pictures=self._originals(covers["reference_cover_id"].tolist()),
            pictures=np.stack([to_pixels(self.ctx.images.get(cover_id)) for cover_id in covers["cover_id"]]),
            embeddings=vectors.embeddings[own],
            styles=vectors.styles[own],
            reference_embeddings=vectors.embeddings[default],
            text_embeddings=self.texts(covers["title"].tolist()),
            item_ids=covers["item_id"].tolist(),
            segment_ids=[segments[row % len(segments)] for row in range(len(covers))],
            prompts=covers["title"].tolist(),
        )


def choose(
    candidates: pd.DataFrame, probabilities: Callable[[NDArray[np.int64]], NDArray[np.float64]], *, max_nsfw: float
) -> pd.DataFrame:
    """The best candidate of each unit by score, the next best where a publishable one is not safe.

    Safety is the dearest reward, so it is asked for the chosen candidates of publishable units
    only, in rounds: everything else keeps ``nsfw`` = NaN, unknown, and cannot be published.

    Parameters
    ----------
    candidates
        unit_id, candidate, score, publishable; one row per candidate, numbered from 0.
    probabilities
        Row numbers -> probability of being not safe for work.
    max_nsfw
        A candidate above it gives way to the next.

    Returns
    -------
    DataFrame
        ``selected`` (bool, one per unit) and ``nsfw`` (float or NaN), row by row. Where no candidate is
        safe, the best one stays selected, with the figure that the policy will reject it for.
    """
    order = candidates.reset_index(drop=True).sort_values(["score", "candidate"], ascending=[False, True])
    queues = {str(unit): rows.tolist() for unit, rows in order.groupby("unit_id", sort=False).groups.items()}
    selected = {unit: rows[0] for unit, rows in queues.items()}
    nsfw = np.full(len(candidates), np.nan)
    publishable = candidates["publishable"].to_numpy(bool)
    asking = [unit for unit, row in selected.items() if publishable[row]]
    for turn in range(max(map(len, queues.values()), default=0)):
        asking = [unit for unit in asking if turn < len(queues[unit])]
        rows = np.asarray([queues[unit][turn] for unit in asking], np.int64)
        if not len(rows):
            break
        nsfw[rows] = probabilities(rows)
        safe = nsfw[rows] <= max_nsfw
        selected.update(zip(np.asarray(asking)[safe].tolist(), rows[safe].tolist(), strict=True))
        asking = np.asarray(asking)[~safe].tolist()
    chosen = np.zeros(len(candidates), bool)
    chosen[list(selected.values())] = True
    return pd.DataFrame({"selected": chosen, "nsfw": nsfw}, index=candidates.index)


def _taken(batch: PictureBatch, rows: NDArray[Any]) -> PictureBatch:
    return PictureBatch(
        pictures=batch.pictures[rows],
        detailed=None if batch.detailed is None else batch.detailed[rows],
        reference_pictures=None if batch.reference_pictures is None else batch.reference_pictures[rows],
        embeddings=batch.embeddings[rows],
        styles=batch.styles[rows],
        reference_embeddings=batch.reference_embeddings[rows],
        text_embeddings=batch.text_embeddings[rows],
        item_ids=[batch.item_ids[row] for row in rows],
        segment_ids=[batch.segment_ids[row] for row in rows],
        prompts=[batch.prompts[row] for row in rows],
    )
