r"""What a history says of each way of drawing: clicks beyond what was due, by code.

Codes are centres of the style space that k-means found among the night's covers, without a label; an event belongs
to them by a softmax of its cover's style, :math:`a_{jk}`. With masks :math:`m`, weights :math:`w` and examination
:math:`x`,

.. math::

    c_k = \sum_{\text{clicked}} m_j w_j a_{jk}, \quad e_k = \sum m_j w_j x_j a_{jk}, \quad
    u_k = \frac{c_k - r e_k}{\lambda + r e_k}, \quad r = \frac{\sum c_k + p}{\sum e_k + p / r_0}

``u`` is one Newton step from "no taste" of a Poisson regression of clicks with the prior :math:`N(0, 1/\lambda)` of
each code: log odds. A preference by vectors, clicked minus skipped, forgets how often a look was shown. Codes that are
drawn alike share what is known of them through their geometry: with ``D`` the codes less the mean style,
:math:`v = D D^{+} u`. What is answered is a direction, :math:`\sum_k \mathrm{softmax}(t v)_k D_k`: near a single code
where one is clearly liked best, short where none is.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.personalization.pigeon.history import Events
from generation.personalization.pigeon.rocchio import shrinkage

SEGMENT_CLICKS, SEGMENT_SKIPS = 500.0, 9500.0
"""Events that a segment's shares are taken to stand for."""
PRIOR_CLICKS, PRIOR_RATE = 3.0, 0.09
"""p and r0: clicks at which a user's own rate counts as much as everybody's, clicks a position looked at."""
RANK = 0.05
"""Singular values of the codes below this share of the largest count for nothing."""


class Evidence(nn.Module):
    """Events under masks -> a direction in the style space.

    Parameters
    ----------
    style_dim
        Of the space.
    codes
        Their number.
    """

    def __init__(self, style_dim: int, codes: int) -> None:
        super().__init__()
        self.codes = nn.Parameter(F.normalize(torch.randn(codes, style_dim)))
        self.mean = nn.Parameter(torch.zeros(style_dim))
        self.log_near = nn.Parameter(torch.tensor(15.0).log())
        self.log_prior = nn.Parameter(torch.tensor(2.0).log())
        self.log_sharp = nn.Parameter(torch.tensor(20.0).log())

    def belongs(self, events: Events) -> Tensor:
        """(B, N, K) share of each code in each event."""
        style = F.normalize(events.look[..., -self.codes.shape[1] :], dim=-1)
        return torch.softmax(self.log_near.exp() * (style @ self.codes.T), dim=-1)

    def stands_for(self, events: Events) -> Tensor:
        """(B, N) events behind each row; 0 for padding."""
        shares = (shrinkage(events) == 0)[:, None]
        many = torch.where(events.clicked, SEGMENT_CLICKS, SEGMENT_SKIPS)
        return events.weight * events.known * torch.where(shares, many, torch.ones_like(many))

    def counts(self, events: Events, kept: Tensor) -> tuple[Tensor, Tensor]:
        """(B, K) clicks, and what was looked at, by code."""
        belongs, weight = self.belongs(events), self.stands_for(events) * kept
        clicks = torch.einsum("bn,bnk->bk", weight * events.clicked, belongs)
        return clicks, torch.einsum("bn,bnk->bk", weight * events.examination, belongs)

    def worth(self, clicks: Tensor, looked: Tensor) -> Tensor:
        """(B, K) u, log odds."""
        rate = (clicks.sum(1, keepdim=True) + PRIOR_CLICKS) / (looked.sum(1, keepdim=True) + PRIOR_CLICKS / PRIOR_RATE)
        return (clicks - rate * looked) / (self.log_prior.exp() + rate * looked)

    def agreement(self, events: Events) -> Tensor:
        """(B, N) what the other events say of the ways that each one is drawn in, log odds; itself left out."""
        everything = torch.ones_like(events.weight)
        belongs, weight = self.belongs(events), self.stands_for(events)
        clicks, looked = self.counts(events, everything)
        own = weight[..., None] * belongs
        others = clicks[:, None] - own * events.clicked[..., None]
        unseen = looked[:, None] - own * events.examination[..., None]
        worth = self.worth(others.flatten(0, 1), unseen.flatten(0, 1)).view_as(belongs)
        found: Tensor = (belongs * worth).sum(-1)
        return found

    def forward(self, events: Events, kept: Tensor) -> Tensor:
        """(B, style_dim) the direction."""
        centred = self.codes - self.mean
        smooth = self.worth(*self.counts(events, kept)) @ torch.linalg.pinv(centred, rtol=RANK).T @ centred.T
        return torch.softmax(self.log_sharp.exp() * smooth, dim=1) @ centred
