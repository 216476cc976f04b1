"""The click model: members averaged, a position tower, and the scales of vectors.

``logit = mean over members of member(state, candidate) + position``. The candidate's vector is
an input tensor, so gradients reach the encoder and the pixels. Position adds a slope in the log
of the place and a deviation per place, zero at place 1: scoring without position means place 1.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from jobs.lake.schema.columns import EMBED_DIM, STYLE_DIM
from reward_model.network.ensemble_member import (
    KERNEL_PRIOR,
    STYLE_AXES,
    Member,
    ModelShape,
    RowTensors,
    Shared,
    StateTensors,
    UserSide,
    taste_inputs,
)
from reward_model.network.user_state import VECTOR_DIM

if TYPE_CHECKING:
    from reward_model.encoders.model import ImageEncoder


class ClickModel(nn.Module):
    """Members, the position tower and the scales of vectors.

    Parameters
    ----------
    shape
        Sizes.
    """

    cover_mean: Tensor
    cover_scale: Tensor
    preference_scale: Tensor
    category_share: Tensor
    """Share of each category in all events of training."""
    style_basis: Tensor
    look_centroids: Tensor
    """``(looks, 32)`` style vectors of the looks that tastes are estimated for."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self._members = nn.ModuleList(Member(shape) for _ in range(shape.members))
        self.position = nn.Embedding(shape.positions + 1, 1)
        self.position_slope = nn.Parameter(torch.tensor(-0.5))
        nn.init.zeros_(self.position.weight)
        self.register_buffer("cover_mean", torch.zeros(VECTOR_DIM))
        self.register_buffer("cover_scale", torch.ones(2))
        self.register_buffer("preference_scale", torch.ones(2))
        self.register_buffer("category_share", torch.zeros(shape.categories + 1))
        self.register_buffer("style_basis", torch.zeros(STYLE_DIM, STYLE_AXES))
        self.register_buffer("look_centroids", torch.zeros(shape.looks, STYLE_DIM), persistent=shape.looks > 0)

    @property
    def members(self) -> list[Member]:
        """The networks whose logits are averaged."""
        return [member for member in self._members if isinstance(member, Member)]

    def set_scales(self, vectors: np.ndarray[Any, Any], preferences: np.ndarray[Any, Any]) -> None:
        """Centre and scale vectors by those of training: covers ``(n, 160)``, preferences ``(n, 160)``.

        Embedding and style are scaled by one number each, which keeps their angles.
        """
        mean = vectors.mean(axis=0)
        self.cover_mean.copy_(torch.from_numpy(mean))
        for scale, values in ((self.cover_scale, vectors - mean), (self.preference_scale, preferences)):
            for part, columns in enumerate((slice(0, EMBED_DIM), slice(EMBED_DIM, None))):
                scale[part] = max(float(np.sqrt(np.square(values[:, columns]).mean())), 1e-6)
        styles = self.scaled_covers(torch.from_numpy(vectors))[:, EMBED_DIM:].double()
        variance, axes = torch.linalg.eigh(styles.T @ styles / len(styles))
        # eigh sorts upwards; the sign of an axis does not matter to a product of two.
        spread = variance[-STYLE_AXES:].clamp(min=1e-6).sqrt()
        self.style_basis.copy_(axes[:, -STYLE_AXES:] / spread)

    def scaled_covers(self, vector_BE: Tensor) -> Tensor:
        """Cover vectors centred, with unit variance over both parts."""
        return (vector_BE - self.cover_mean) / self._spread(self.cover_scale)

    def scaled_preferences(self, preference_SE: Tensor) -> Tensor:
        """Preferences with unit variance over both parts; zero stays zero."""
        return preference_SE / self._spread(self.preference_scale)

    def _spread(self, scale: Tensor) -> Tensor:
        return torch.cat([scale[:1].expand(EMBED_DIM), scale[1:].expand(VECTOR_DIM - EMBED_DIM)])

    def encode_users(self, table_CE: Tensor, states: StateTensors) -> list[UserSide]:
        """User side of every member; ``table_CE`` are raw cover vectors, row 0 the unknown cover."""
        scaled_CE = self.scaled_covers(table_CE)
        preference_SE = self.scaled_preferences(states.preference_SE)
        shared = self._shared()
        return [member.user_side(scaled_CE, preference_SE, states, shared) for member in self.members]

    def _shared(self) -> Shared:
        places_P = self.position_logit(torch.arange(self.shape.positions + 1))
        return Shared(places_P=places_P, share_C=self.category_share, basis_SA=self.style_basis)

    def score(self, sides: list[UserSide], states: StateTensors, rows: RowTensors, *, with_position: bool) -> Tensor:
        """Logits of the members, ``(n_members, B)``; without position every row is at place 1."""
        vector_BE = self.scaled_covers(rows.vector_BE)
        shared = self._shared()
        taste_BT = taste_inputs(states, rows, self.look_centroids)
        logits = torch.stack(
            [
                member(side, states, rows, vector_BE, shared, taste_BT)
                for member, side in zip(self.members, sides, strict=True)
            ]
        )
        return logits + self.position_logit(rows.place_B) if with_position else logits

    def position_logit(self, place_B: Tensor) -> Tensor:
        """What the place adds to the logit; exactly 0 at place 1."""
        place_B = place_B.clamp(1, self.shape.positions)
        weight = self.position.weight[:, 0]
        return self.position_slope * torch.log(place_B.float()) + weight[place_B] - weight[1]

    def forward(
        self, table_CE: Tensor, states: StateTensors, rows: RowTensors, *, with_position: bool = True
    ) -> Tensor:
        """Mean logit of the members, ``(B,)``."""
        sides = self.encode_users(table_CE, states)
        return self.score(sides, states, rows, with_position=with_position).mean(dim=0)


def click_probability_from_pixels(
    model: ClickModel,
    encoder: "ImageEncoder",
    pixels_B3HW: Tensor,
    table_CE: Tensor,
    states: StateTensors,
    rows: RowTensors,
) -> Tensor:
    """Uncalibrated P(click) at place 1 as a function of the candidates' pixels, differentiable in them.

    Parameters
    ----------
    encoder
        The encoder whose vectors the model was trained on.
    pixels_B3HW
        ``(B, 3, 64, 64)`` float RGB in [0, 1]; they take the place of ``rows.vector_BE``.

    Returns
    -------
    Tensor
        ``(B,)`` float32.
    """
    encoded = encoder(pixels_B3HW)
    painted = rows._replace(vector_BE=torch.cat([encoded.embedding, encoded.style], dim=1))
    return torch.sigmoid(model(table_CE, states, painted, with_position=False))


def prior_logit(model: ClickModel, rate: float) -> None:
    """Start every member at the training click rate, so that no epoch is spent on it."""
    for member in model.members:
        nn.init.constant_(member.straight.bias, float(np.log(rate / (1 - rate))))


def negative_log_prior(model: ClickModel) -> Tensor:
    """Of the weights between categories and axes, up to a constant; the mean of the members."""
    weights = [torch.cat([m.category, m.across.flatten(), m.styles.flatten()]) for m in model.members]
    return torch.stack(weights).square().sum(dim=1).mean() / (2 * KERNEL_PRIOR**2)


def member_loss(logits_MB: Tensor, clicked_B: Tensor) -> Tensor:
    """Mean log loss of the members, each on its own: averaging before the loss would tie them together."""
    return functional.binary_cross_entropy_with_logits(logits_MB, clicked_B.expand_as(logits_MB))
