"""What is told of somebody and of an item, as tokens of one width.

An event is one token: how its cover looks, whether it was clicked or skipped, how long ago, how well its position is
looked at, and how many events it stands for. The reference cover is EfficientNet's 16 places, the title one token of
MiniLM. The paper's history tokens are those of a vision tokeniser, some hundred a picture; here a cover is its vector.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.personalization.pigeon.history import Events
from generation.personalization.places import PLACES
from generation.types import PREFERENCE_DIM
from reward_model.encoders.model import POOLED_DIM, TEXT_DIM


class HistoryTokens(nn.Module):
    """:class:`Events` -> (B, N, width); rows of padding are whatever they are, and to be left out.

    Parameters
    ----------
    width
        Of a token.
    embedding_dim
        Where the style part of a cover's vector begins.
    """

    def __init__(self, width: int, *, embedding_dim: int) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.look = nn.Linear(PREFERENCE_DIM, width)
        self.kind = nn.Embedding(2, width)
        self.told = nn.Linear(3, width)

    def forward(self, events: Events) -> Tensor:
        """The tokens."""
        content, style = events.look[..., : self.embedding_dim], events.look[..., self.embedding_dim :]
        scaled = torch.cat([content * content.shape[-1] ** 0.5, style * style.shape[-1] ** 0.5], dim=-1)
        told = torch.stack([events.age, events.examination, torch.log1p(events.weight)], dim=-1)
        found: Tensor = self.look(scaled) + self.kind(events.clicked.long()) + self.told(told)
        return found


class ItemTokens(nn.Module):
    """Title (B, 384) and places (B, 16, 1280) -> (B, 17, width), the title first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.title = nn.Linear(TEXT_DIM, width)
        self.picture = nn.Linear(POOLED_DIM, width)
        self.where = nn.Parameter(0.02 * torch.randn(PLACES, width))

    def forward(self, text: Tensor, places: Tensor) -> Tensor:
        """The tokens."""
        title = self.title(text * text.shape[1] ** 0.5).unsqueeze(1)
        seen = self.picture(F.layer_norm(places, places.shape[-1:])) + self.where
        return torch.cat([title, seen], dim=1)
