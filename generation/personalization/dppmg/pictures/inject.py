r"""What codes say to a painter: tables of vectors that are added up, and what the sum stands for.

Painted **by ICG**, a code of a level is 160 numbers, and the sum :math:`\sum_l E_l[c_l]` stands where a preference
stands: ICG refines its meta tokens by it. Painted **by the generator**, a code is as many vectors as the generator's
conditioning has for a preference, one for each of its tokens of a preference and one for the pooled vector, and

.. math:: \mathrm{conditioning}(\mathrm{title}, 0) + \sum_l E_l[c_l]

is what the network attends to. In both, residual codes are added as they are quantised, a prefix is a coarser
preference, and no code is, bit for bit, the answer to nobody's preference.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from generation.diffusion.conditioning import ConditioningAdapter
from generation.personalization.dppmg.quantise import CODES, LEVELS
from generation.types import PREFERENCE_DIM
from jobs.lake.arrays import Floats, Floats32, Ints

PICTURE_LEVELS = LEVELS["visual"]


class CodeTables(nn.Module):
    """Codes (B, 3) -> (B, ...), the sum of their vectors; exactly zero where every code is -1.

    Parameters
    ----------
    shape
        Of what one code adds.
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.zeros(PICTURE_LEVELS, CODES, *shape))

    def forward(self, codes: Tensor) -> Tensor:
        """The sum, (B, ...)."""
        total = self.vectors.new_zeros(len(codes), *self.vectors.shape[2:])
        for each in self.levels(codes):
            total = total + each
        return total

    def levels(self, codes: Tensor) -> list[Tensor]:
        """(B, ...) of each level's codes; exactly zero where a code is -1."""
        found = []
        for level, table in enumerate(self.vectors):
            chosen = codes[:, level]
            known = chosen.ge(0).view(-1, *(1 for _ in table.shape[1:]))
            found.append(torch.where(known, table[chosen.clamp_min(0)], 0.0))
        return found

    @classmethod
    def for_conditioning(cls, conditioning: ConditioningAdapter) -> "CodeTables":
        """Tables of zeros that fit a generator's conditioning: pooled vector, then tokens of a preference."""
        return cls(conditioning.preference_tokens + 1, conditioning.config.width)

    @classmethod
    def for_preferences(cls) -> "CodeTables":
        """Tables of zeros whose sums are preferences."""
        return cls(PREFERENCE_DIM)

    @property
    def preferences(self) -> bool:
        """Whether the sums are preferences."""
        return self.vectors.ndim == len(("level", "code", "vector"))


def condition(
    base: ConditioningAdapter, tables: CodeTables, text: Tensor, codes: Tensor | None
) -> tuple[Tensor, Tensor]:
    """What the UNet attends to.

    Parameters
    ----------
    base
        Of the generator; frozen.
    tables
        What codes add.
    text
        (B, 384) of the titles.
    codes
        (B, 3 or more) int64, -1 for none; None: of nobody.

    Returns
    -------
    tokens, pooled
        (B, T, width) and (B, width).
    """
    nobody = text.new_zeros(len(text), base.config.embedding_dim + base.config.style_dim)
    tokens, pooled = base(text, nobody)
    if codes is None:
        return tokens, pooled
    more = tables(codes)
    titles = tokens[:, : base.title_tokens]
    return torch.cat([titles, tokens[:, base.title_tokens :] + more[:, 1:]], dim=1), pooled + more[:, 0]


@torch.no_grad()
def look_of(base: ConditioningAdapter, preferences: Floats32) -> Floats:
    """(N, parts, width) that the generator's own conditioning adds for preferences (N, 160): pooled, then tokens."""
    text = torch.zeros(len(preferences), base.config.text_dim)
    wanted = torch.from_numpy(preferences)
    tokens, pooled = base(text, wanted)
    nothing, pooled_nothing = base(text, torch.zeros_like(wanted))
    apart = torch.cat([(pooled - pooled_nothing)[:, None], (tokens - nothing)[:, base.title_tokens :]], dim=1)
    return np.asarray(apart.double().numpy(), np.float64)


def prefix_means(codes: Ints, preferences: Floats32) -> tuple[Ints, Floats32, Floats]:
    """Every prefix of codes that anybody holds, their holders' mean preference, and how many they are.

    Parameters
    ----------
    codes
        (N, levels), -1 for none.
    preferences
        (N, D) of the same.

    Returns
    -------
    tuple
        (P, levels) prefixes with -1 behind them, (P, D), (P,).

    Examples
    --------
    >>> prefixes, means, holders = prefix_means(np.array([[1, 2], [1, 3]]), np.array([[0.0], [2.0]], np.float32))
    >>> prefixes.tolist(), means[:, 0].tolist(), holders.tolist()
    ([[1, -1], [1, 2], [1, 3]], [1.0, 0.0, 2.0], [2.0, 1.0, 1.0])
    """
    prefixes, means, holders = [], [], []
    for length in range(1, codes.shape[1] + 1):
        rows = codes[:, length - 1] >= 0
        found, where = np.unique(codes[rows, :length], axis=0, return_inverse=True)
        count = np.bincount(where.reshape(-1), minlength=len(found)).astype(np.float64)
        total = np.zeros((len(found), preferences.shape[1]))
        np.add.at(total, where.reshape(-1), preferences[rows])
        padded = np.full((len(found), codes.shape[1]), -1, np.int64)
        padded[:, :length] = found
        prefixes.append(padded)
        means.append((total / count[:, None]).astype(np.float32))
        holders.append(count)
    return np.concatenate(prefixes), np.concatenate(means), np.concatenate(holders)


def fitted_tables(codes: Ints, looks: Floats, weight: Floats, *, ridge: float = 1.0) -> Floats32:
    r"""(levels, 16, ...) tables whose sums come nearest to given looks: weighted least squares with a ridge.

    Parameters
    ----------
    codes
        (P, levels), -1 for none.
    looks
        (P, ...) what the codes should add up to.
    weight
        (P,) of each row.
    ridge
        Pulls codes that few rows hold to zero: a level adds only what is known.

    Examples
    --------
    >>> tables = fitted_tables(np.array([[0], [1]]), np.array([[2.0], [4.0]]), np.array([1.0, 3.0]), ridge=1.0)
    >>> tables[0, :2, 0].tolist()  # 1 x 2 / (1 + 1), 3 x 4 / (3 + 1)
    [1.0, 3.0]
    """
    levels = codes.shape[1]
    design = np.zeros((len(codes), levels * CODES))
    for level in range(levels):
        known = np.flatnonzero(codes[:, level] >= 0)
        design[known, level * CODES + codes[known, level]] = 1.0
    flat = looks.reshape(len(looks), -1)
    gram = design.T @ (weight[:, None] * design) + ridge * np.eye(design.shape[1])
    solved = np.linalg.solve(gram, design.T @ (weight[:, None] * flat))
    return solved.reshape(levels, CODES, *looks.shape[1:]).astype(np.float32)


Holding = tuple[Ints, Floats32, Floats]
"""Codes (P, levels), preferences (P, 160) of who holds them, and weights (P,)."""


def start_tables(base: ConditioningAdapter, parts: Sequence[Holding], *, ridge: float = 1.0) -> CodeTables:
    """Tables from which codes are painted as ``profile`` paints the mean preference of who holds them.

    Parameters
    ----------
    base
        Of the generator.
    parts
        Taken together.
    ridge
        As in :func:`fitted_tables`.
    """
    codes, preferences, weight = _together(parts)
    found = fitted_tables(codes, look_of(base, preferences), weight, ridge=ridge)
    return _holding(CodeTables.for_conditioning(base), found)


def preference_tables(parts: Sequence[Holding], *, ridge: float = 1.0) -> CodeTables:
    """Tables whose sums are the mean preferences of who holds the codes; otherwise as :func:`start_tables`."""
    codes, preferences, weight = _together(parts)
    found = fitted_tables(codes, preferences.astype(np.float64), weight, ridge=ridge)
    return _holding(CodeTables.for_preferences(), found)


def _together(parts: Sequence[Holding]) -> Holding:
    codes, preferences, weight = zip(*parts, strict=True)
    return np.concatenate(codes), np.concatenate(preferences), np.concatenate(weight)


def _holding(tables: CodeTables, vectors: Floats32) -> CodeTables:
    tables.vectors.data.copy_(torch.from_numpy(vectors))
    return tables
