"""From a title and a preference to what the UNet attends to.

The title's sentence embedding becomes ``title_tokens`` cross-attention tokens; the
preference becomes ``preference_tokens`` more and a vector that is added to the time
embedding and so modulates every residual block (adaptive group normalisation, Dhariwal
and Nichol 2021, https://arxiv.org/abs/2105.05233).
"""

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

CONTENT_WEIGHT = 0.25
"""Length of the aligned part of a normalised preference: what a cover looks like is mostly in the style part."""

STYLE_SCALE = 6.0
"""The square root of the style's dimensions: parts of a unit vector are too small for a fresh layer to hear."""


def _unit_variance(text: Tensor) -> Tensor:
    scaled: Tensor = text * text.shape[1] ** 0.5
    return scaled


def normalise_preference(preference: Tensor, *, embedding_dim: int) -> Tensor:
    """Keep the direction of a preference, not its length.

    A centroid over many users is short, one fan's preference is long; both mean the same
    look. The style part is scaled to unit length, the aligned part ``[:embedding_dim]`` to
    ``CONTENT_WEIGHT``; an all-zero part (no preference known) stays zero.

    Parameters
    ----------
    preference
        (B, embedding_dim + style_dim) float.
    embedding_dim
        Where the style part begins.
    """
    content, style = F.normalize(preference[:, :embedding_dim]), F.normalize(preference[:, embedding_dim:])
    return torch.cat([CONTENT_WEIGHT * content, style], dim=1)


class ConditioningAdapter(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Title embedding (B, text_dim) and preference (B, P) -> tokens (B, T, width) and a vector (B, width)."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        text_dim: int = 384,
        embedding_dim: int = 128,
        style_dim: int = 32,
        width: int = 192,
        title_tokens: int = 2,
        preference_tokens: int = 2,
    ) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.title_tokens = title_tokens
        self.preference_tokens = preference_tokens
        self.title = nn.Sequential(nn.Linear(text_dim, width), nn.SiLU(), nn.Linear(width, title_tokens * width))
        self.preference = nn.Sequential(
            nn.Linear(embedding_dim + style_dim, 2 * width),
            nn.SiLU(),
            nn.Linear(2 * width, (preference_tokens + 1) * width),
        )

    def forward(self, text: Tensor, preference: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, title_tokens + preference_tokens, width) and the pooled vector (B, width)."""
        title = self.title(_unit_variance(text)).unflatten(1, (self.title_tokens, -1))
        known = normalise_preference(preference, embedding_dim=self.embedding_dim)
        look = self.preference(STYLE_SCALE * known).unflatten(1, (self.preference_tokens + 1, -1))
        return torch.cat([title, look[:, 1:]], dim=1), look[:, 0]
