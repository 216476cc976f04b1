"""The click model: attention over a user's covers, conditioned on the candidate cover.

``logit = item and cover + taste(user, cover) + position``, where taste comes three ways:

1. attention over the last events (Zhou et al., "Deep Interest Network for Click-Through
   Rate Prediction", KDD 2018): the candidate asks, per head, what happened to similar
   covers. The softmax has a sink, a learned event that never happened, so that a short
   or unrelated history shrinks to "unknown" and not to its one nearest event;
2. a low-rank product of preference and candidate (Rendle, "Factorization Machines", ICDM
   2010), where a user seen in training adds a learned vector that starts at zero;
3. a small network over counts, rates, affinities and the shape of the words.

The candidate's vector is an input tensor, so gradients reach the encoder and the pixels.
Position adds a slope in the log of the place and a deviation per place, zero at place 1: scoring
without position means place 1.
Several members with different seeds are averaged in logit space.

Shape suffixes: B rows, S states, K events, H heads, D width of a head, E = 160 cover vector,
F factors.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from jobs.lake.tables import EMBED_DIM, STYLE_DIM
from reward_model.features import ITEM_COLUMNS, TITLE_COLUMNS, USER_COLUMNS
from reward_model.states import VECTOR_DIM

STYLE_PRIOR, WORDING_PRIOR, LEVEL_PRIOR = 0.4, 0.2, 0.4
"""Prior deviations, in logits, of what a user's own effects on style, wording and everything add."""
SHARPNESS = 4.0
"""Factor of the cosine in attention: the most alike weigh e^8 times the most unlike."""


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """Sizes of the network; saved beside the weights."""

    users: int
    """Users with a learned vector; number 0 is everybody else."""
    categories: int
    """Categories with a learned vector; number 0 is everything else."""
    width: int = 64
    heads: int = 4
    head_dim: int = 8
    positions: int = 50
    """Places with their own number; later ones share the last."""
    members: int = 2
    dropout: float = 0.1

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class StateTensors(NamedTuple):
    """States of users; one row per user x ds."""

    user_S: Tensor
    """int64 number of the user; 0 is one without a learned vector."""
    numeric_SN: Tensor
    """Standardised counts and rates."""
    rate_S: Tensor
    """Smoothed click rate over 28 days, 0 to 1."""
    preference_SE: Tensor
    """Raw preference: embedding 128, style 32."""
    cover_SK: Tensor
    """int64 rows of the events' covers in the cover table."""
    item_SK: Tensor
    """int64 rows of the events' items."""
    category_SK: Tensor
    clicked_SK: Tensor
    """float 0 or 1."""
    age_SK: Tensor
    """Days."""
    place_SK: Tensor
    """Position of the event, 1 is the first."""
    present_SK: Tensor
    """bool; False is padding."""


class RowTensors(NamedTuple):
    """Candidates; one row per cover offered to a state."""

    state_B: Tensor
    """int64 row in the states."""
    vector_BE: Tensor
    """Cover vectors; the way gradients take to the pixels."""
    numeric_BN: Tensor
    """Standardised item counts and rates."""
    unseen_B: Tensor
    """float 1 where nobody has seen the item yet, so that its statistics are the prior."""
    title_BT: Tensor
    """Shape of the words."""
    words_BW: Tensor
    """``(B, 128)`` embedding of the words."""
    item_B: Tensor
    category_B: Tensor
    affinity_B: Tensor
    """Standardised affinity of the state to the category."""
    place_B: Tensor
    """int64 position from 1."""


class UserSide(NamedTuple):
    """What a member computes once per state, for however many candidates."""

    keys_SKHD: Tensor
    bias_SKH: Tensor
    """Attention logits that do not depend on the candidate; -inf at padding."""
    expected_SK: Tensor
    """Clicks that an event would have had by its place and the user's rate alone."""
    met_SK: Tensor
    """Weight of an event as a sign of interest: where a feed ranks by taste, the first places say more."""
    liking_SE: Tensor
    """The preference in the candidate's space: their product is the taste."""
    own_SF: Tensor
    """The learned effects of the user on style and wording, in units of their prior deviation."""
    level_S: Tensor
    """The learned intercept of the user, likewise."""


class Member(nn.Module):
    """One network of the ensemble."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        heads, width = shape.heads, shape.width
        self.heads, self.head_dim = heads, shape.head_dim
        self.similarity = nn.Linear(VECTOR_DIM, heads * shape.head_dim, bias=False)
        self.event = nn.Linear(2, heads)
        self.same = nn.Parameter(torch.zeros(2, heads))
        self.sink = nn.Parameter(torch.full((heads + 1,), 2.0))
        self.weight_of_place = nn.Parameter(torch.zeros(()))
        self.metric = nn.Linear(STYLE_DIM, STYLE_DIM, bias=False)
        self.gate = nn.Linear(len(USER_COLUMNS), 2)
        self.own = nn.Embedding(shape.users + 1, STYLE_DIM + len(TITLE_COLUMNS), padding_idx=0)
        self.level = nn.Embedding(shape.users + 1, 1, padding_idx=0)
        self.category = nn.Embedding(shape.categories + 1, 1)
        inputs = len(USER_COLUMNS) + len(ITEM_COLUMNS) + len(TITLE_COLUMNS) + heads + 7
        self.body = nn.Sequential(
            nn.Dropout(shape.dropout),
            nn.Linear(inputs + STYLE_DIM, width),
            nn.GELU(),
            nn.Dropout(shape.dropout),
        )
        self.head = nn.Linear(width, 1, bias=False)
        self.straight = nn.Linear(inputs, 1)
        for layer in (self.own, self.level, self.category, self.metric, self.head, self.straight, self.gate):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.gate.bias)

    def user_side(self, table_CE: Tensor, preference_SE: Tensor, places_P: Tensor, states: StateTensors) -> UserSide:
        """Keys, expectations and tastes of states.

        ``table_CE`` are the scaled vectors of the covers that states point at, ``places_P`` the
        logits of places.
        """
        keys_CHD = functional.normalize(self._heads(self.similarity(table_CE)), dim=-1)
        log_age = torch.log1p(states.age_SK.clamp(min=0))
        known = torch.stack([log_age, (states.cover_SK > 0).float()], dim=-1)
        gate_S2 = torch.exp(self.gate(states.numeric_SN).clamp(-3, 3))
        embedding_SE, style_SE = preference_SE.split([EMBED_DIM, STYLE_DIM], dim=1)
        places_SK = places_P[states.place_SK.clamp(0, len(places_P) - 1)]
        return UserSide(
            keys_SKHD=keys_CHD[states.cover_SK],
            bias_SKH=self.event(known).masked_fill(~states.present_SK[..., None], float("-inf")),
            expected_SK=states.rate_S[:, None] * torch.exp(places_SK),
            met_SK=states.present_SK * states.place_SK.clamp(min=1).float() ** self.weight_of_place,
            liking_SE=torch.cat(
                [
                    gate_S2[:, :1] * embedding_SE / EMBED_DIM,
                    gate_S2[:, 1:] * (style_SE + self.metric(style_SE)) / STYLE_DIM,
                ],
                dim=1,
            ),
            own_SF=self.own(states.user_S),
            level_S=self.level(states.user_S)[:, 0],
        )

    def _heads(self, values: Tensor) -> Tensor:
        return values.reshape(*values.shape[:-1], self.heads, self.head_dim)

    def attend(
        self, side: UserSide, states: StateTensors, rows: RowTensors, vector_BE: Tensor, share_B: Tensor
    ) -> Tensor:
        """What the history says of the candidate: ``(B, heads + 1)``.

        Per head the log of the click rate on similar covers relative to what was expected of them,
        ``log (sink + sum_k w_k clicked_k) / (sink + sum_k w_k expected_k)``: the posterior mean of a
        relative rate under a gamma prior around 1, with similarity as the weight of evidence. Last, the
        same of how often the user meets the category, ``share_B`` being everybody's share of it.
        """
        at = rows.state_B
        query_BHD = functional.normalize(self._heads(self.similarity(vector_BE)), dim=-1)
        score_BKH = SHARPNESS * torch.einsum("bhd,bkhd->bkh", query_BHD, side.keys_SKHD[at])
        same_item = (states.item_SK[at] == rows.item_B[:, None]) & (rows.item_B > 0)[:, None]
        same_category = (states.category_SK[at] == rows.category_B[:, None]) & (rows.category_B > 0)[:, None]
        same_BK2 = torch.stack([same_item, same_category], dim=-1).to(score_BKH.dtype)
        weight_BKH = torch.exp((score_BKH + same_BK2 @ self.same + side.bias_SKH[at]).clamp(max=6.0))
        clicked_BH = torch.einsum("bkh,bk->bh", weight_BKH, states.clicked_SK[at])
        expected_BH = torch.einsum("bkh,bk->bh", weight_BKH, side.expected_SK[at])
        sink_H = functional.softplus(self.sink)
        liked_BH = torch.log((sink_H[:-1] + clicked_BH) / (sink_H[:-1] + expected_BH))
        met_BK = side.met_SK[at]
        met_B = torch.log(
            (sink_H[-1] + (met_BK * same_category).sum(dim=1)) / (sink_H[-1] + met_BK.sum(dim=1) * share_B)
        )
        return torch.cat([liked_BH, met_B[:, None]], dim=1)

    def forward(
        self, side: UserSide, states: StateTensors, rows: RowTensors, vector_BE: Tensor, share_B: Tensor
    ) -> Tensor:
        """Logits at place 1, ``(B,)``."""
        at = rows.state_B
        style_BE = vector_BE[:, EMBED_DIM:]
        product_BE = vector_BE * side.liking_SE[at]
        spoken_BW = rows.words_BW * EMBED_DIM**0.5 * side.liking_SE[at][:, :EMBED_DIM]
        inputs_BX = torch.cat(
            [
                states.numeric_SN[at],
                rows.numeric_BN,
                rows.title_BT,
                self.attend(side, states, rows, vector_BE, share_B),
                product_BE[:, :EMBED_DIM].sum(dim=1, keepdim=True),
                product_BE[:, EMBED_DIM:].sum(dim=1, keepdim=True),
                spoken_BW.sum(dim=1, keepdim=True),
                rows.affinity_B[:, None],
                self.category(rows.category_B),
                rows.unseen_B[:, None],
            ],
            dim=1,
        )
        mixed_B1 = self.head(self.body(torch.cat([inputs_BX, style_BE], dim=1)))
        effects_BF = torch.cat(
            [style_BE * (STYLE_PRIOR / STYLE_DIM**0.5), rows.title_BT * (WORDING_PRIOR / len(TITLE_COLUMNS) ** 0.5)], dim=1
        )
        own_B = (side.own_SF[at] * effects_BF).sum(dim=1) + LEVEL_PRIOR * side.level_S[at]
        return torch.as_tensor((mixed_B1 + self.straight(inputs_BX))[:, 0] + own_B)


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

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.members = nn.ModuleList(Member(shape) for _ in range(shape.members))
        self.position = nn.Embedding(shape.positions + 1, 1)
        self.position_slope = nn.Parameter(torch.tensor(-0.5))
        nn.init.zeros_(self.position.weight)
        self.register_buffer("cover_mean", torch.zeros(VECTOR_DIM))
        self.register_buffer("cover_scale", torch.ones(2))
        self.register_buffer("preference_scale", torch.ones(2))
        self.register_buffer("category_share", torch.zeros(shape.categories + 1))

    def set_scales(self, vectors: np.ndarray[Any, Any], preferences: np.ndarray[Any, Any]) -> None:
        """Centre and scale vectors by those of training: covers ``(n, 160)``, preferences ``(n, 160)``.

        Embedding and style are scaled by one number each, which keeps their angles.
        """
        mean = vectors.mean(axis=0)
        self.cover_mean.copy_(torch.from_numpy(mean))
        for scale, values in ((self.cover_scale, vectors - mean), (self.preference_scale, preferences)):
            for part, columns in enumerate((slice(0, EMBED_DIM), slice(EMBED_DIM, None))):
                scale[part] = max(float(np.sqrt(np.square(values[:, columns]).mean())), 1e-6)

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
        places_P = self.position_logit(torch.arange(self.shape.positions + 1))
        return [member.user_side(scaled_CE, preference_SE, places_P, states) for member in self.members]

    def score(
        self, sides: list[UserSide], states: StateTensors, rows: RowTensors, *, with_position: bool
    ) -> Tensor:
        """Logits of the members, ``(n_members, B)``; without position every row is at place 1."""
        vector_BE = self.scaled_covers(rows.vector_BE)
        share_B = self.category_share[rows.category_B]
        logits = torch.stack(
            [member(side, states, rows, vector_BE, share_B) for member, side in zip(self.members, sides, strict=True)]
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


def prior_logit(model: ClickModel, rate: float) -> None:
    """Start every member at the training click rate, so that no epoch is spent on it."""
    for member in model.members:
        nn.init.constant_(member.straight.bias, float(np.log(rate / (1 - rate))))


def member_loss(logits_MB: Tensor, clicked_B: Tensor) -> Tensor:
    """Mean log loss of the members, each on its own: averaging before the loss would tie them together."""
    return functional.binary_cross_entropy_with_logits(logits_MB, clicked_B.expand_as(logits_MB))
