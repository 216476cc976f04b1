"""Refinement of meta tokens by a preference: a user's or a segment's, by the same code.

The preference becomes a few tokens that the meta tokens attend to, and a scale and shift of
every channel (FiLM, Perez et al., AAAI 2018, https://arxiv.org/abs/1709.07871). Both start at zero, so
an untrained refinement changes nothing, and a preference of zeros (nobody in particular) never does:
that is what guidance and unpersonalised covers rest on.
"""

import torch
from torch import Tensor, nn

from generation.diffusion.conditioning import STYLE_SCALE, normalise_preference

PREFERENCE_TOKENS = 4


class Refinement(nn.Module):
    """(B, N, width) meta tokens and (B, P) preferences -> (B, N, width).

    Parameters
    ----------
    width
        Of the tokens; a multiple of ``heads``.
    user_dim
        P.
    embedding_dim
        Where the style part of a preference begins.
    """

    def __init__(self, width: int, user_dim: int = 160, *, embedding_dim: int = 128, heads: int = 4) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.user = nn.Sequential(nn.Linear(user_dim, width), nn.SiLU(), nn.Linear(width, PREFERENCE_TOKENS * width))
        self.film = nn.Sequential(nn.Linear(user_dim, width), nn.SiLU(), nn.Linear(width, 2 * width))
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        for layer in (self.attention.out_proj, self.film[-1]):
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, preference: Tensor) -> Tensor:
        """Refined tokens, (B, N, width)."""
        wanted = STYLE_SCALE * normalise_preference(preference.float(), embedding_dim=self.embedding_dim)
        known = preference.ne(0).any(1).to(tokens.dtype).view(-1, 1, 1)
        said = self.user(wanted).unflatten(1, (PREFERENCE_TOKENS, -1))
        attended = self.attention(self.norm(tokens), said, said, need_weights=False)[0]
        scale, shift = self.film(wanted).unsqueeze(1).chunk(2, dim=2)
        refined: Tensor = tokens + known * (attended + scale * self.norm(tokens) + shift)
        return refined


def unknown_preference(rows: int, user_dim: int = 160) -> Tensor:
    """(rows, user_dim) zeros: nobody in particular."""
    return torch.zeros(rows, user_dim)
