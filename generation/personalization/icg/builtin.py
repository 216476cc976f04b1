"""ICG for the built-in world: a compact multimodal encoder of our own in place of an MLLM.

It reads the title's sentence embedding and what EfficientNet sees at 16 places of the reference
cover; learned meta tokens draw from both, are refined by the preference (the same
:class:`~generation.personalization.icg.refine.Refinement` as over public checkpoints) and turned
by the same :class:`~generation.personalization.icg.adapter.Connector` into what the built-in UNet
attends to. What comes out is *added* to what the generator's own
:class:`~generation.diffusion.conditioning.ConditioningAdapter` says and starts at zero: an
untrained ICG paints exactly what the method ``profile`` paints.
"""

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from generation.diffusion.conditioning import ConditioningAdapter
from generation.personalization.icg.adapter import ConditioningSpec, Connector
from generation.personalization.icg.refine import Refinement
from generation.personalization.places import PLACES
from reward_model.encoders.model import POOLED_DIM, TEXT_DIM


class BuiltinIcg(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Title (B, 384), places (B, 16, 1280) and preference (B, 160) -> additions to tokens and pooled vector."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        meta_tokens: int = 4,
        width: int = 192,
        layers: int = 2,
        generator_width: int = 192,
        embedding_dim: int = 128,
        style_dim: int = 32,
    ) -> None:
        super().__init__()
        self.title = nn.Linear(TEXT_DIM, width)
        self.picture = nn.Linear(POOLED_DIM, width)
        self.where = nn.Parameter(0.02 * torch.randn(PLACES, width))
        self.queries = nn.Parameter(0.02 * torch.randn(meta_tokens, width))
        layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.refine = Refinement(width, embedding_dim + style_dim, embedding_dim=embedding_dim)
        spec = ConditioningSpec(family="builtin", width=generator_width, pooled=generator_width, mask=False)
        self.connector = Connector(width, spec, width=width, layers=1)
        for projection in (self.connector.tokens, self.connector.pooled):
            assert projection is not None
            nn.init.zeros_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(self, text: Tensor, places: Tensor, preference: Tensor) -> tuple[Tensor, Tensor]:
        """(B, meta_tokens, generator_width) and (B, generator_width), to be added."""
        title = self.title(text * text.shape[1] ** 0.5).unsqueeze(1)
        seen = self.picture(F.layer_norm(places, places.shape[-1:])) + self.where
        queries = self.queries.expand(len(text), -1, -1)
        metas = self.encoder(torch.cat([title, seen, queries], dim=1))[:, -queries.shape[1] :]
        said = self.connector(self.refine(metas, preference))
        return said.prompt_embeds, said.pooled_prompt_embeds


def condition(
    base: ConditioningAdapter, icg: BuiltinIcg, text: Tensor, places: Tensor, preference: Tensor
) -> tuple[Tensor, Tensor]:
    """What the UNet attends to: the generator's own conditioning plus what ICG adds.

    Parameters
    ----------
    base
        Of the generator; frozen.
    icg
        Has as many meta tokens as ``base`` has tokens.
    text, places, preference
        (B, 384), (B, 16, 1280) and (B, 160).

    Returns
    -------
    tokens, pooled
        (B, T, width) and (B, width).
    """
    tokens, pooled = base(text, preference)
    more_tokens, more_pooled = icg(text, places, preference)
    return tokens + more_tokens, pooled + more_pooled


def fresh(base: ConditioningAdapter, *, seed: int) -> BuiltinIcg:
    """An untrained ICG that fits a generator's conditioning."""
    torch.manual_seed(seed)
    config = base.config
    icg: BuiltinIcg = BuiltinIcg(
        meta_tokens=config.title_tokens + config.preference_tokens,
        generator_width=config.width,
        embedding_dim=config.embedding_dim,
        style_dim=config.style_dim,
    )
    return icg
