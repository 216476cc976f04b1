"""Whether different segments get different covers of one item."""

import torch
from torch import Tensor

from generation.rewards.base import score_by_value
from generation.rewards.batch import PictureBatch, Scores
from generation.rewards.view import PictureView


class Diversity:
    """Mean cosine distance, in the style space, to the other segments' pictures of the same item.

    NaN for a picture whose item is painted for no other segment in the batch.
    """

    name = "diversity"
    differentiable = True
    needs = frozenset({"styles", "item_ids", "segment_ids"})

    def value(self, view: PictureView) -> Tensor:
        """(N,) from 0 to 2."""
        items = {item: number for number, item in enumerate(dict.fromkeys(view.item_ids))}
        segments = {name: number for number, name in enumerate(dict.fromkeys(view.segment_ids))}
        item = torch.tensor([items[each] for each in view.item_ids])
        segment = torch.tensor([segments[each] for each in view.segment_ids])
        style = view.encoded.style
        other = ((item[:, None] == item[None]) & (segment[:, None] != segment[None])).to(style)
        distance = 1 - style @ style.T
        return (distance * other).sum(1) / other.sum(1)  # 0 / 0 is NaN: it does not apply

    def score(self, batch: PictureBatch) -> Scores:
        """(N,) from 0 to 2, or NaN."""
        return score_by_value(self, batch)
