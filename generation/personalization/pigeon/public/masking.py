r"""Which of the clicked covers in a prompt to believe: the learned mask, where pictures enter the language model.

A multimodal model puts the features of its pictures in place of the embeddings of so many picture tokens. There each
clicked cover is one vector, the mean of its tokens; one transformer layer looks at all of somebody's, and a cover's
score is the cosine of its vector and what the layer adds to it, over ``TEMPERATURE``, as over the built-in generator
(:mod:`generation.personalization.pigeon.mask`). Of ``n`` covers the :math:`\lceil (1 - r) n \rceil` of highest score
are kept, one or two always; all tokens of a cover are multiplied by its mask :math:`m`, 1 or 0. The gradient of ``m``
is a sigmoid's (straight-through), so it reaches the network through every token. Without noise, at inference, the same
prompt is masked the same way each time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.personalization.pigeon.mask import TEMPERATURE, kept_among

QUIET = 0.3
"""Width of the mask's sigmoid where nothing is trained: it decides gradients only."""


class PictureMask(nn.Module):
    """Scores of clicked covers.

    Parameters
    ----------
    inputs
        Width of the language model's embeddings.
    width
        Of the layer; a multiple of ``heads``.
    """

    def __init__(self, inputs: int, width: int, *, heads: int = 4) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.LayerNorm(inputs), nn.Linear(inputs, width))
        self.layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )

    def forward(self, covers: Tensor, there: Tensor) -> Tensor:
        """(B, K) how well each cover agrees with the others.

        Parameters
        ----------
        covers, there
            (B, K, inputs) mean embeddings, and (B, K) bool: which of them there are.
        """
        padding = ~there
        padding = padding & ~padding.all(1, keepdim=True)  # attention needs something to look at
        tokens = self.enter(covers)
        said = self.layer(tokens, src_key_padding_mask=padding) - tokens
        return F.cosine_similarity(tokens, said, dim=-1) / TEMPERATURE


@dataclass(frozen=True, kw_only=True)
class Masking:
    """How the clicked covers of a batch are masked."""

    ratio: Tensor
    """(B,) share of them to drop."""
    tau: float = QUIET
    """Width of the sigmoid."""
    noise: Tensor | None = None
    """(B, K) added to the scores; None in inference."""


def places_of(ids: Tensor, token: int, counts: Tensor) -> Tensor:
    """(B, L) which clicked cover each token of a prompt belongs to, from 0; -1 for all others.

    The clicked covers come first in a prompt, then the reference. All are of one size, so each takes as many places.

    Parameters
    ----------
    ids
        (B, L) of the tokens.
    token
        That stands for a place of a picture.
    counts
        (B,) clicked covers of each row.

    Raises
    ------
    ValueError
        The places of a row cannot be shared evenly: its pictures are of several sizes.

    Examples
    --------
    >>> places_of(torch.tensor([[9, 9, 1, 9, 9, 2, 9, 9]]), 9, torch.tensor([2])).tolist()
    [[0, 0, -1, 1, 1, -1, -1, -1]]
    """
    picture = ids == token
    total, shown = picture.sum(1), counts.to(ids.device) + 1
    if (total % shown).any():
        row = int((total % shown).ne(0).nonzero()[0])
        raise ValueError(
            f"{int(shown[row])} pictures take {int(total[row])} places in the prompt of row {row}: give pictures of "
            "one size, so that each takes as many"
        )
    number = (picture.cumsum(1) - 1).div((total // shown).clamp_min(1)[:, None], rounding_mode="floor")
    return torch.where(picture & (number < counts.to(ids.device)[:, None]), number, -1)


def kept_covers(mask: PictureMask, embeddings: Tensor, places: Tensor, counts: Tensor, how: Masking) -> Tensor:
    """(B, K) masks of the clicked covers of a batch; those that a row does not have are 1.

    Parameters
    ----------
    mask
        Scores them.
    embeddings
        (B, L, width) of the language model's input.
    places, counts
        Of :func:`places_of`.
    how
        Ratio and noise.
    """
    number = int(counts.max())
    member = (places[..., None] == torch.arange(number, device=places.device)).float()
    covers = torch.einsum("blk,blw->bkw", member, embeddings.float()) / member.sum(1).clamp_min(1)[..., None]
    there = torch.arange(number, device=places.device) < counts.to(places.device)[:, None]
    return kept_among(mask(covers, there), there, how.ratio, tau=how.tau, noise=how.noise)


@contextmanager
def masked(model: Any, mask: PictureMask, places: Tensor, counts: Tensor, how: Masking) -> Iterator[None]:
    """While inside, the language model of a multimodal model sees its clicked covers through the mask.

    Parameters
    ----------
    model
        Of ``transformers``, without its head; its language model is given ``inputs_embeds``.
    mask, places, counts, how
        Of :func:`kept_covers`; tokens behind those of ``places`` are left as they are.
    """

    def through(_module: nn.Module, _arguments: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        embeddings = named["inputs_embeds"]
        seen = F.pad(places, (0, embeddings.shape[1] - places.shape[1]), value=-1)
        kept = kept_covers(mask, embeddings, seen, counts, how)
        share = F.pad(kept, (0, 1), value=1.0).gather(1, torch.where(seen < 0, kept.shape[1], seen))
        return _arguments, {**named, "inputs_embeds": embeddings * share[..., None].to(embeddings.dtype)}

    handle = model.get_decoder().register_forward_pre_hook(through, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
