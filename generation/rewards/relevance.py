"""Whether the picture still shows the item."""

import numpy as np
from torch import Tensor

from generation.rewards.batch import PictureBatch, Scores
from generation.rewards.view import PictureView

REFERENCE_SHARE = 0.75
"""Weight of the reference picture; the rest is the title's. Two drawings of one subject are nearer than words."""


class Relevance:
    """Cosine to the item's default cover, blended with the cosine to its title (as CLIPScore, Hessel et al. 2021).

    ``0.75 * cos(picture, reference) + 0.25 * cos(picture, title)``, all in the aligned space; from -1 to 1.
    """

    name = "relevance"
    differentiable = True
    needs = frozenset({"embeddings", "reference_embeddings", "text_embeddings"})

    def value(self, view: PictureView) -> Tensor:
        """(N,) blended cosine."""
        picture = view.encoded.embedding
        to_reference = (picture * view.reference_embeddings).sum(1)
        return REFERENCE_SHARE * to_reference + (1 - REFERENCE_SHARE) * (picture * view.text_embeddings).sum(1)

    def score(self, batch: PictureBatch) -> Scores:
        """(N,) blended cosine."""
        picture = batch.embeddings.astype(np.float64)
        to_reference = np.einsum("nd,nd->n", picture, batch.reference_embeddings)
        to_text = np.einsum("nd,nd->n", picture, batch.text_embeddings)
        return np.asarray(REFERENCE_SHARE * to_reference + (1 - REFERENCE_SHARE) * to_text)
