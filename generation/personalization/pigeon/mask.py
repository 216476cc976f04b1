r"""Which clicks to believe: the paper's learned mask, with a gradient.

One transformer layer looks at the whole history. What it adds to an event's token is what the other events say of it;
an event's score is the cosine of its token and that, and what the others' clicks say of its look
(:mod:`~generation.personalization.pigeon.evidence`), over ``TEMPERATURE``. Of ``n`` clicks the
:math:`\lceil (1 - r) n \rceil` of highest score are kept, ``r`` the mask ratio; skips are never masked, and one or two
clicks neither. In training Gumbel noise is added to the scores, so that the network sees other masks; at inference
there is none.

The choice is a step, so its gradient is that of a sigmoid around the threshold (straight-through; Bengio et al. 2013,
https://arxiv.org/abs/1308.3432): :math:`m = \text{hard} + \text{soft} - \text{sg}(\text{soft})`. A masked token is
replaced: :math:`m\,\text{token} + (1 - m)\,\text{mask embedding}`, and the same ``m`` weighs the event in the
preference (:mod:`generation.personalization.pigeon.rocchio`), so the gradient reaches the network on two ways. In the
published code it reaches it on none: the decision is only compared with 0 there.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.personalization.pigeon.history import Events

TEMPERATURE = 0.1
"""Of the scores."""
ALWAYS_KEPT = 2
"""Clicks at which nothing is masked."""


class Mask(nn.Module):
    """Scores of events, and the token that stands where one is masked."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.embedding = nn.Parameter(torch.zeros(width))
        self.said = nn.Parameter(torch.tensor(0.1))

    def scores(self, tokens: Tensor, known: Tensor, agreement: Tensor) -> Tensor:
        """(B, N) how well each event agrees with the others.

        Parameters
        ----------
        tokens, known
            (B, N, width) and (B, N) bool.
        agreement
            (B, N) of :meth:`generation.personalization.pigeon.evidence.Evidence.agreement`.
        """
        padding = ~known
        padding = padding & ~padding.all(1, keepdim=True)  # attention needs something to look at
        said = self.layer(tokens, src_key_padding_mask=padding) - tokens
        return (self.said * F.cosine_similarity(tokens, said, dim=-1) + agreement) / TEMPERATURE

    def over(self, tokens: Tensor, kept: Tensor) -> Tensor:
        """The tokens under a mask ``kept`` (B, N)."""
        share = kept.unsqueeze(-1)
        return share * tokens + (1 - share) * self.embedding


def count_kept(clicks: Tensor, ratio: Tensor) -> Tensor:
    """(B,) how many of so many clicks are kept at a mask ratio; both (B,).

    Examples
    --------
    >>> count_kept(torch.tensor([0, 1, 2, 3, 10]), torch.tensor([0.4] * 5)).tolist()
    [0, 1, 2, 2, 6]
    """
    kept = torch.ceil((1 - ratio.double()) * clicks - 1e-9).long()
    return torch.where(clicks <= ALWAYS_KEPT, clicks, kept.clamp_min(1).minimum(clicks))


def kept_of(scores: Tensor, events: Events, ratio: Tensor, *, tau: float, noise: Tensor | None = None) -> Tensor:
    """(B, N) masks of events; see :func:`kept_among`."""
    return kept_among(scores, events.clicked, ratio, tau=tau, noise=noise)


def kept_among(scores: Tensor, clicked: Tensor, ratio: Tensor, *, tau: float, noise: Tensor | None = None) -> Tensor:
    """(B, N) masks: 1 kept, 0 dropped, exactly; their gradient is the sigmoid's.

    Parameters
    ----------
    scores
        (B, N).
    clicked
        (B, N) bool: which of them may be dropped.
    ratio
        (B,) share of the clicks to drop.
    tau
        Width of the sigmoid.
    noise
        (B, N) added to the scores; None in inference.
    """
    moved, clicks = scores if noise is None else scores + noise, clicked.sum(1)
    ranked = moved.detach().masked_fill(~clicked, -torch.inf)
    order = ranked.argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(order.shape[1]).to(order).expand_as(order))
    keep = count_kept(clicks, ratio.to(scores.device))
    hard = (~clicked | (rank < keep[:, None])).to(scores.dtype)
    some = (keep > 0) & (keep < clicks)
    best = ranked.gather(1, order)
    last = best.gather(1, (keep - 1).clamp_min(0)[:, None])
    first = best.gather(1, keep.clamp_max(best.shape[1] - 1)[:, None])
    threshold = torch.where(some[:, None], (last + first) / 2, torch.zeros_like(last))
    soft = torch.sigmoid((moved - threshold) / tau)
    chosen = hard + (soft - soft.detach())
    return torch.where(clicked & some[:, None], chosen, hard)


def gumbel(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise."""
    uniform = torch.rand(shape, generator=generator).clamp(1e-6, 1 - 1e-6)
    return -torch.log(-torch.log(uniform))
