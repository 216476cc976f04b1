"""Click probabilities that are differentiable in the cover, for training a generator."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from reward_model.scorer import WHOLE_POPULATION, PersonalScorer, PreparedUsers


class ClickGradient:
    """Mean P(click) at place 1 of a segment's sample of users, or of one user, with a gradient.

    The model's own weights are frozen. States are computed once, at the start.

    Parameters
    ----------
    scorer
        The champion as of one ds.
    users
        Users who may be asked for by id, besides the segments.
    """

    def __init__(self, scorer: PersonalScorer, users: Sequence[str] = ()) -> None:
        self.scorer = scorer
        scorer.predictor.model.requires_grad_(False)
        self._samples = scorer.samples
        self._prepared = scorer.prepare(sorted(set(users))) if users else None
        self._segments = self._samples.members
        self._users = {user: row for row, user in enumerate(sorted(set(users)))}

    def segments(self) -> list[str]:
        """Segments that may be asked for, without those that stand for everybody."""
        return sorted(set(self._segments) - set(WHOLE_POPULATION))

    def __call__(self, whom: Sequence[str], item_ids: Sequence[str], vectors: Tensor) -> Tensor:
        """(N,) probabilities.

        Parameters
        ----------
        whom
            A segment's or a user's id a row.
        item_ids
            An unknown item has no statistics.
        vectors
            (N, 160): aligned and style embedding of each cover.

        Raises
        ------
        ValueError
            Somebody is neither a segment nor one of the users.
        """
        unknown = sorted(set(whom) - set(self._segments) - set(self._users))
        if unknown:
            raise ValueError(
                f"{unknown[:3]} are neither segments as of {self.scorer.as_of} nor users given at the start"
            )
        result = vectors.new_zeros(len(whom))
        for chosen, prepared in (
            ([i for i, name in enumerate(whom) if name in self._segments], self._samples.users),
            ([i for i, name in enumerate(whom) if name not in self._segments], self._prepared),
        ):
            if chosen and prepared is not None:
                found = self._mean(prepared, [whom[i] for i in chosen], [item_ids[i] for i in chosen], vectors[chosen])
                result = result.index_add(0, torch.tensor(chosen, device=vectors.device), found)
        return result

    def _mean(self, prepared: PreparedUsers, whom: Sequence[str], item_ids: Sequence[str], vectors: Tensor) -> Tensor:
        members = [
            self._segments[name] if name in self._segments else np.asarray([self._users[name]], np.int64)
            for name in whom
        ]
        row = np.repeat(np.arange(len(members)), [len(each) for each in members])
        items = self.scorer.item_rows(item_ids)
        logits = self.scorer.logits(prepared, np.concatenate(members), row, items, vectors.float().cpu())
        calibration = self.scorer.predictor.calibration
        probability = torch.sigmoid(calibration.slope * logits + calibration.intercept)
        at = torch.from_numpy(row)
        total = torch.zeros(len(members), dtype=probability.dtype).index_add(0, at, probability)
        return (total / torch.bincount(at, minlength=len(members))).to(vectors)
