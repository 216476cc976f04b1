"""One network of the click model: what a state says of a candidate cover.

The attractiveness of a cover for a user is a sum of parts, each with a prior or a decay that
keeps it from learning single items by heart:

1. attention over the last events (Zhou et al., "Deep Interest Network for Click-Through Rate
   Prediction", KDD 2018): per head, how often similar covers were clicked relative to what was
   expected of them. A learned sink shrinks a short or unrelated history to "unknown";
2. how often the user meets each category, and a matrix of weights of what meeting one category
   says about another: feeds rank by taste, so exposure tells of taste long before clicks do;
3. the preference against the candidate: products over embedding and style, weighed by how much
   evidence the preference rests on, and free weights between the principal axes of style;
4. effects of the user's own on style and wording, for users seen in training: Gaussian random
   effects, as in a generalised linear mixed model;
5. tastes for subjects and looks, estimated from everything a user was shown (:mod:`reward_model.tastes`), with
   their doubt;
6. a linear part and a small network over these, counts, rates, affinity and the shape of the words.

Shape suffixes: B rows, S states, K events, H heads, D width of a head, E = 160 cover vector,
C categories, A axes of style or style vector, K factors, L looks.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from jobs.lake.schema.columns import EMBED_DIM, STYLE_DIM
from reward_model.network.features import ITEM_COLUMNS, TITLE_COLUMNS, USER_COLUMNS
from reward_model.network.user_state import VECTOR_DIM

STYLE_PRIOR, WORDING_PRIOR, LEVEL_PRIOR = 0.4, 0.2, 0.4
"""Prior deviations, in logits, of what a user's own effects on style, wording and everything add."""
STYLE_AXES = 6
"""Principal axes of style on which preference and candidate are compared freely."""
KERNEL_PRIOR = 0.2
"""Prior deviation of the weights of categories, between categories and between axes of style."""
TASTE_INPUTS = 4
"""Of estimated tastes: subject, its doubt, rate of the look, adoring of the look."""
TASTE_START = (0.75, 0.0, 0.9, 0.9)
"""Weights that these inputs start with: about what a logistic regression of training clicks on them and position, item
and user rates gives. Estimates that are shrunk already need no epochs to be believed."""
LOOK_SHARPNESS = 10.0
"""Factor of the cosine in the membership of looks: 0.3 nearer to one look weighs e^3 there."""
SHARPNESS = 4.0
"""Factor of the cosine in attention: the most alike weigh e^8 times the most unlike."""


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """Sizes of the network; saved beside the weights."""

    users: int
    """Users with a learned vector; number 0 is everybody else."""
    categories: int
    """Categories with a learned vector; number 0 is everything else."""
    width: int = 32
    heads: int = 2
    head_dim: int = 8
    positions: int = 50
    """Places with their own number; later ones share the last."""
    members: int = 2
    dropout: float = 0.1
    factors: int = 0
    """Factors of the tastes for subjects; 0 is a model without estimated tastes."""
    looks: int = 0
    """Looks of covers that tastes are estimated for; 0 likewise."""

    @property
    def tastes(self) -> int:
        """Inputs that estimated tastes add."""
        return TASTE_INPUTS if self.factors and self.looks else 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class StateTensors(NamedTuple):
    """States of users; one row per user x ds."""

    user_S: Tensor
    """int number of the user; 0 is one without a learned vector."""
    numeric_SN: Tensor
    """Standardised counts and rates."""
    rate_S: Tensor
    """Smoothed click rate over 28 days, 0 to 1."""
    preference_SE: Tensor
    """Raw preference: embedding 128, style 32."""
    cover_SK: Tensor
    """int rows of the events' covers in the cover table."""
    item_SK: Tensor
    """int rows of the events' items."""
    category_SK: Tensor
    clicked_SK: Tensor
    """float 0 or 1."""
    age_SK: Tensor
    """Days."""
    place_SK: Tensor
    """Position of the event, 1 is the first."""
    present_SK: Tensor
    """bool; False is padding."""
    subject_SK: Tensor
    """Posterior mean of the taste for subjects; K is the model's factors, perhaps none."""
    doubt_SK: Tensor
    """Its variance."""
    rate_SL: Tensor
    """Log relative click rate of each look; L is the model's looks, perhaps none."""
    adored_SL: Tensor
    """Probability that the user adores a look."""


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
    """int position from 1."""
    factors_BK: Tensor
    """Factors of the item; K as in the states."""


class UserSide(NamedTuple):
    """What a member computes once per state, for however many candidates."""

    keys_SKHD: Tensor
    bias_SKH: Tensor
    """Attention logits that do not depend on the candidate; -inf at padding."""
    expected_SK: Tensor
    """Clicks that an event would have had by its place and the user's rate alone."""
    met_SC: Tensor
    """Log of how often the user meets each category, relative to everybody."""
    drawn_SC: Tensor
    """What meeting other categories says about each."""
    axes_SA: Tensor
    """What the preference says about each axis of style."""
    liking_SE: Tensor
    """The preference in the candidate's space: their product is the taste."""
    own_SF: Tensor
    """The learned effects of the user on style and wording, in units of their prior deviation."""
    level_S: Tensor
    """The learned intercept of the user, likewise."""


class Shared(NamedTuple):
    """What all members have in common."""

    places_P: Tensor
    """Logits of places, 0 to the last."""
    share_C: Tensor
    """Everybody's share of each category."""
    basis_SA: Tensor
    """``(32, 6)``: the principal axes of style, each of unit variance over the covers."""


def taste_inputs(states: StateTensors, rows: RowTensors, centroids_LA: Tensor) -> Tensor:
    """What estimated tastes say of the candidates, ``(B, 4)``, differentiable in the cover; ``(B, 0)`` without any.

    Parameters
    ----------
    states, rows
        Of one model.
    centroids_LA
        Style vectors of the looks, of length 1; as in :mod:`reward_model.tastes.looks`.
    """
    at = rows.state_B
    if not rows.factors_BK.shape[1] or not len(centroids_LA):
        return rows.affinity_B.new_zeros((len(at), 0))
    style_BA = functional.normalize(rows.vector_BE[:, EMBED_DIM:], dim=1)
    look_BL = torch.softmax(LOOK_SHARPNESS * style_BA @ centroids_LA.T, dim=1)
    doubt_B = (states.doubt_SK[at] * rows.factors_BK.square()).sum(dim=1)
    return torch.stack(
        [
            (states.subject_SK[at] * rows.factors_BK).sum(dim=1),
            torch.sqrt(doubt_B + 1e-9),
            (states.rate_SL[at] * look_BL).sum(dim=1),
            (states.adored_SL[at] * look_BL).sum(dim=1),
        ],
        dim=1,
    )


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
        self.across = nn.Parameter(torch.zeros(shape.categories + 1, shape.categories + 1))
        self.styles = nn.Parameter(torch.zeros(STYLE_AXES, STYLE_AXES))
        self.gate = nn.Linear(len(USER_COLUMNS), 2)
        self.own = nn.Embedding(shape.users + 1, STYLE_DIM + len(TITLE_COLUMNS), padding_idx=0)
        self.level = nn.Embedding(shape.users + 1, 1, padding_idx=0)
        self.category = nn.Parameter(torch.zeros(shape.categories + 1))
        inputs = len(USER_COLUMNS) + len(ITEM_COLUMNS) + len(TITLE_COLUMNS) + heads + 6 + STYLE_AXES + shape.tastes
        self.body = nn.Sequential(
            nn.Dropout(shape.dropout),
            nn.Linear(inputs + STYLE_DIM, width),
            nn.GELU(),
            nn.Dropout(shape.dropout),
        )
        self.head = nn.Linear(width, 1, bias=False)
        self.straight = nn.Linear(inputs, 1)
        for layer in (self.own, self.level, self.head, self.straight, self.gate):
            nn.init.zeros_(layer.weight)
        nn.init.zeros_(self.gate.bias)
        if shape.tastes:
            with torch.no_grad():
                self.straight.weight[0, -shape.tastes :] = torch.tensor(TASTE_START)

    def user_side(self, table_CE: Tensor, preference_SE: Tensor, states: StateTensors, shared: Shared) -> UserSide:
        """Keys, expectations and tastes of states; ``table_CE`` are scaled vectors of the covers they point at."""
        places_P, share_C, basis_SA = shared.places_P, shared.share_C, shared.basis_SA
        counts_SC = torch.zeros(len(states.user_S), len(share_C)).scatter_add(
            1, states.category_SK.long(), states.present_SK.float()
        )
        sink = functional.softplus(self.sink[-1])
        met_SC = torch.log((sink + counts_SC) / (sink + counts_SC.sum(dim=1, keepdim=True) * share_C))
        keys_CHD = functional.normalize(self._heads(self.similarity(table_CE)), dim=-1)
        log_age = torch.log1p(states.age_SK.clamp(min=0))
        known = torch.stack([log_age, (states.cover_SK > 0).float()], dim=-1)
        gate_S2 = torch.exp(self.gate(states.numeric_SN).clamp(-3, 3))
        embedding_SE, style_SE = preference_SE[:, :EMBED_DIM], preference_SE[:, EMBED_DIM:]
        places_SK = places_P[states.place_SK.clamp(0, len(places_P) - 1)]
        return UserSide(
            keys_SKHD=keys_CHD[states.cover_SK],
            bias_SKH=self.event(known).masked_fill(~states.present_SK[..., None], float("-inf")),
            expected_SK=states.rate_S[:, None] * torch.exp(places_SK),
            met_SC=met_SC,
            drawn_SC=met_SC @ self.across,
            axes_SA=(style_SE @ basis_SA) @ self.styles,
            liking_SE=torch.cat(
                [
                    gate_S2[:, :1] * embedding_SE / EMBED_DIM,
                    gate_S2[:, 1:] * style_SE / STYLE_DIM,
                ],
                dim=1,
            ),
            own_SF=self.own(states.user_S),
            level_S=self.level(states.user_S)[:, 0],
        )

    def _heads(self, values: Tensor) -> Tensor:
        return values.reshape(*values.shape[:-1], self.heads, self.head_dim)

    def attend(self, side: UserSide, states: StateTensors, rows: RowTensors, vector_BE: Tensor) -> Tensor:
        """What the history says of the candidate: ``(B, heads)``.

        Per head the log of the click rate on similar covers relative to what was expected of them,
        ``log (sink + sum_k w_k clicked_k) / (sink + sum_k w_k expected_k)``: the posterior mean of a
        relative rate under a gamma prior around 1, with similarity as the weight of evidence.
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
        sink_H = functional.softplus(self.sink[:-1])
        return torch.log((sink_H + clicked_BH) / (sink_H + expected_BH))

    def forward(
        self,
        side: UserSide,
        states: StateTensors,
        rows: RowTensors,
        vector_BE: Tensor,
        shared: Shared,
        taste_BT: Tensor,
    ) -> Tensor:
        """Logits at place 1, ``(B,)``; ``taste_BT`` as :func:`taste_inputs` gives them."""
        at, category_B1 = rows.state_B, rows.category_B.long()[:, None]
        style_BE = vector_BE[:, EMBED_DIM:]
        axes_BA = style_BE @ shared.basis_SA
        product_BE = vector_BE * side.liking_SE[at]
        spoken_BW = rows.words_BW * EMBED_DIM**0.5 * side.liking_SE[at][:, :EMBED_DIM]
        inputs_BX = torch.cat(
            [
                states.numeric_SN[at],
                rows.numeric_BN,
                rows.title_BT,
                self.attend(side, states, rows, vector_BE),
                side.met_SC[at].gather(1, category_B1),
                axes_BA,
                product_BE[:, :EMBED_DIM].sum(dim=1, keepdim=True),
                product_BE[:, EMBED_DIM:].sum(dim=1, keepdim=True),
                spoken_BW.sum(dim=1, keepdim=True),
                rows.affinity_B[:, None],
                rows.unseen_B[:, None],
                taste_BT,
            ],
            dim=1,
        )
        mixed_B1 = self.head(self.body(torch.cat([inputs_BX, style_BE], dim=1)))
        effects_BF = torch.cat(
            [style_BE * (STYLE_PRIOR / STYLE_DIM**0.5), rows.title_BT * (WORDING_PRIOR / len(TITLE_COLUMNS) ** 0.5)],
            dim=1,
        )
        drawn_B = (side.drawn_SC[at] + self.category).gather(1, category_B1)[:, 0]
        styled_B = (side.axes_SA[at] * axes_BA).sum(dim=1)
        own_B = (side.own_SF[at] * effects_BF).sum(dim=1) + LEVEL_PRIOR * side.level_S[at]
        return torch.as_tensor((mixed_B1 + self.straight(inputs_BX))[:, 0] + drawn_B + styled_B + own_B)
