"""Pigeon's network: from a noisy history to a preference and to what the UNet attends to beside it.

Two parts. **What somebody likes** does not depend on the item: a mask over the clicks, the preference computed again
under it, and two directions in the style space that move it: what clicks beyond what was due say of each way of drawing
(:mod:`~generation.personalization.pigeon.evidence`), by how far that is believed, and what a transformer over the kept
events adds. **How to paint it** does: learned queries read the same history, the title and the reference, and a
:class:`~generation.personalization.icg.adapter.Connector` turns them into additions to the generator's conditioning.
All additions start at zero: untrained, Pigeon paints what ``profile`` paints from the masked preference, and at mask
ratio 0 exactly what ``profile`` paints. Without a history nothing is added and no preference is told: the
unpersonalised cover.

What is said of the preference is the generator's own conditioning, or, where ``painted_by`` holds the fingerprint of
ICG's weights, ICG's over the UNet that it tuned: then Pigeon is a reader of histories in front of ICG's painter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from generation.diffusion.conditioning import ConditioningAdapter
from generation.personalization.icg.adapter import ConditioningSpec, Connector
from generation.personalization.pigeon.evidence import Evidence
from generation.personalization.pigeon.history import Events
from generation.personalization.pigeon.mask import Mask, kept_of
from generation.personalization.pigeon.rocchio import change
from generation.personalization.pigeon.tokens import HistoryTokens, ItemTokens
from generation.types import HISTORY_DIM, HISTORY_EVENTS

HEADS = 4
QUIET = 0.3
"""Width of the mask's sigmoid where nothing is trained: it decides gradients only."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a history was read as."""

    anything: Tensor
    """(B,) bool: whether anything is known."""
    kept: Tensor
    """(B, N) masks."""
    scores: Tensor
    """(B, N) of the events, before any choice."""
    taste: Tensor
    """(B, 32) what is added to the direction of the style preference."""
    preference: Tensor
    """(B, 160) what the generator's own conditioning is told; zeros where nothing is known."""
    state: Tensor
    """(B, N + 2, width) the transformer's view."""
    padding: Tensor
    """(B, N + 2) bool."""

    @property
    def direction(self) -> Tensor:
        """(B, 32) of the style preference before it was scaled back: unit length plus ``taste``."""
        return F.normalize(self.masked) + self.taste

    masked: Tensor
    """(B, 32) the style preference under the masks alone."""


def _layers(width: int, number: int) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        width, HEADS, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, number, norm=nn.LayerNorm(width), enable_nested_tensor=False)


class BuiltinPigeon(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Preference, history, title and places -> a preference, and additions to tokens and pooled vector."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        meta_tokens: int = 4,
        width: int = 64,
        layers: int = 2,
        generator_width: int = 192,
        embedding_dim: int = 128,
        style_dim: int = 32,
        codes: int = 10,
        mask_ratio: float = 0.0,
        base: Literal["masked-profile", "none"] = "masked-profile",
        painted_by: str = "",
    ) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.history = HistoryTokens(width, embedding_dim=embedding_dim)
        self.mask = Mask(width, HEADS)
        self.wanted = nn.Linear(embedding_dim + style_dim, width)
        self.asked = nn.Parameter(0.02 * torch.randn(width))
        self.reader = _layers(width, layers)
        self.taste = nn.Linear(width, style_dim)
        self.evidence = Evidence(style_dim, codes)
        self.believed = nn.Parameter(torch.zeros(()))
        self.item = ItemTokens(width)
        self.queries = nn.Parameter(0.02 * torch.randn(meta_tokens, width))
        self.composer = _layers(width, 1)
        spec = ConditioningSpec(family="builtin", width=generator_width, pooled=generator_width, mask=False)
        self.connector = Connector(width, spec, width=width, layers=1)
        for projection in (self.taste, self.connector.tokens, self.connector.pooled):
            assert projection is not None
            nn.init.zeros_(projection.weight)
            nn.init.zeros_(projection.bias)

    def read(
        self,
        preference: Tensor,
        history: Tensor | Events,
        *,
        ratio: Tensor | None = None,
        tau: float = QUIET,
        noise: Tensor | None = None,
    ) -> Reading:
        """What somebody likes.

        Parameters
        ----------
        preference
            (B, 160) of the night.
        history
            (B, N, 165), or the same as :class:`Events`.
        ratio
            (B,) share of the clicks to mask; None takes the one that the weights were chosen with.
        tau, noise
            Of :func:`~generation.personalization.pigeon.mask.kept_of`.
        """
        events = history if isinstance(history, Events) else Events.of(history)
        if ratio is None:
            ratio = preference.new_full((len(preference),), self.config.mask_ratio)
        tokens = self.history(events)
        scores = self.mask.scores(tokens, events.known, self.evidence.agreement(events))
        kept = kept_of(scores, events, ratio, tau=tau, noise=noise)
        told = (preference + change(events, kept)) * events.anything[:, None]
        content, style = told[:, : self.embedding_dim], told[:, self.embedding_dim :]
        direction = torch.cat([F.normalize(content), F.normalize(style)], dim=1)
        wanted = self.wanted(direction * style.shape[1] ** 0.5)
        rows = [self.asked.expand(len(tokens), -1), wanted]
        sequence = torch.cat([torch.stack(rows, dim=1), self.mask.over(tokens, kept)], dim=1)
        padding = F.pad(~events.known, (2, 0))
        state = self.reader(sequence, src_key_padding_mask=padding)
        found = self.evidence(events, kept) - F.normalize(style)
        taste = (self.taste(state[:, 0]) + self.believed * found) * events.anything[:, None]
        added = style + style.norm(dim=1, keepdim=True) * taste
        return Reading(
            anything=events.anything,
            kept=kept,
            scores=scores,
            taste=taste,
            preference=torch.cat([content, added], dim=1),
            state=state,
            padding=padding,
            masked=style,
        )

    def compose(
        self, reading: Reading, text: Tensor, places: Tensor, unseen: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """How to paint it: (B, meta_tokens, generator_width) and (B, generator_width), to be added.

        Parameters
        ----------
        reading
            Of :meth:`read`.
        text, places
            (B, 384) and (B, 16, 1280).
        unseen
            (B, 16) bool: places of the reference that it is not told; None tells it all.
        """
        item = self.item(text, places)
        queries = self.queries.expand(len(text), -1, -1)
        sequence = torch.cat([queries, item, reading.state], dim=1)
        hidden = reading.padding.new_zeros(len(text), queries.shape[1] + item.shape[1])
        if unseen is not None:
            hidden[:, queries.shape[1] + 1 :] = unseen
        found = self.composer(sequence, src_key_padding_mask=torch.cat([hidden, reading.padding], dim=1))
        said = self.connector(found[:, : queries.shape[1]])
        known = reading.anything
        return said.prompt_embeds * known[:, None, None], said.pooled_prompt_embeds * known[:, None]


Speaks = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Texts, places and preferences to what the UNet attends to, before Pigeon adds to it."""


def spoken_by(base: ConditioningAdapter) -> Speaks:
    """The generator's own conditioning, that looks at no places."""
    return lambda text, _places, preference: base(text, preference)


def condition(
    base: Speaks,
    pigeon: BuiltinPigeon,
    text: Tensor,
    places: Tensor,
    reading: Reading,
    unseen: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """What the UNet attends to: what is said of the preference found, and what is added.

    Parameters
    ----------
    base
        The generator's own conditioning, or ICG's over it; frozen.
    pigeon
        Has as many queries as ``base`` has tokens.
    text, places, reading, unseen
        As in :meth:`BuiltinPigeon.compose`.

    Returns
    -------
    tokens, pooled
        (B, T, width) and (B, width).
    """
    wanted = reading.preference if pigeon.config.base == "masked-profile" else torch.zeros_like(reading.preference)
    tokens, pooled = base(text, places, wanted)
    more_tokens, more_pooled = pigeon.compose(reading, text, places, unseen)
    return tokens + more_tokens, pooled + more_pooled


def nothing(preference: Tensor) -> Tensor:
    """(B, 48, 165) zeros: the history of those of whom nothing is known."""
    return preference.new_zeros(len(preference), HISTORY_EVENTS, HISTORY_DIM)


def fresh(
    base: ConditioningAdapter,
    *,
    seed: int,
    mask_ratio: float = 0.0,
    kind: Literal["masked-profile", "none"] = "masked-profile",
    painted_by: str = "",
) -> BuiltinPigeon:
    """An untrained Pigeon that fits a generator's conditioning; ``painted_by`` as in its configuration."""
    torch.manual_seed(seed)
    config = base.config
    pigeon: BuiltinPigeon = BuiltinPigeon(
        meta_tokens=config.title_tokens + config.preference_tokens,
        generator_width=config.width,
        embedding_dim=config.embedding_dim,
        style_dim=config.style_dim,
        mask_ratio=mask_ratio,
        base=kind,
        painted_by=painted_by,
    )
    return pigeon
