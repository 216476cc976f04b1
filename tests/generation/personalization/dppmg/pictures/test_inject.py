import numpy as np
import pytest
import torch

from generation.personalization.dppmg.pictures.inject import (
    condition,
    fitted_tables,
    look_of,
    preference_tables,
    prefix_means,
    start_tables,
)
from generation.personalization.dppmg.quantise import CODES


def test_no_code_is_the_generators_answer_to_nobody_bit_for_bit(painter, tables):
    text = torch.randn(3, 384, generator=torch.Generator().manual_seed(1))
    plain = painter.conditioning(text, torch.zeros(3, 160))
    for codes in (None, torch.full((3, 6), -1)):
        tokens, pooled = condition(painter.conditioning, tables, text, codes)
        assert torch.equal(tokens, plain[0])
        assert torch.equal(pooled, plain[1])


def test_codes_add_up_level_by_level_and_leave_the_title_alone(painter, tables):
    text = torch.randn(2, 384, generator=torch.Generator().manual_seed(1))
    plain, plain_pooled = painter.conditioning(text, torch.zeros(2, 160))
    codes = torch.tensor([[3, 5, -1, -1, -1, -1], [3, -1, -1, -1, -1, -1]])
    tokens, pooled = condition(painter.conditioning, tables, text, codes)
    vectors = tables.vectors
    assert torch.equal(tokens[:, :2], plain[:, :2])
    assert torch.allclose(tokens[0, 2:], plain[0, 2:] + vectors[0, 3, 1:] + vectors[1, 5, 1:], atol=1e-6)
    assert torch.allclose(pooled[1], plain_pooled[1] + vectors[0, 3, 0], atol=1e-6)


def test_one_holder_a_code_is_painted_as_profile_paints_them(painter):
    """Sixteen users with a code each and no ridge: the tables say what the generator's conditioning says of them."""
    preferences = np.random.default_rng(2).normal(size=(CODES, 160)).astype(np.float32)
    codes = np.stack([np.arange(CODES), np.full(CODES, -1), np.full(CODES, -1)], axis=1)
    tables = start_tables(painter.conditioning, [(codes, preferences, np.ones(CODES))], ridge=1e-9)
    text = torch.randn(CODES, 384, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        tokens, pooled = condition(painter.conditioning, tables, text, torch.from_numpy(codes))
        wanted = painter.conditioning(text, torch.from_numpy(preferences))
    assert torch.allclose(tokens, wanted[0], atol=1e-4)
    assert torch.allclose(pooled, wanted[1], atol=1e-4)


def test_the_tables_are_a_weighted_ridge_regression():
    """Against scikit-learn."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(4)
    codes = rng.integers(-1, 16, (60, 3))
    looks, weight = rng.normal(size=(60, 2)), rng.random(60) + 0.1
    design = np.zeros((60, 48))
    for level in range(3):
        known = codes[:, level] >= 0
        design[np.flatnonzero(known), 16 * level + codes[known, level]] = 1
    wanted = Ridge(alpha=1.0, fit_intercept=False).fit(design, looks, sample_weight=weight).coef_.T
    assert fitted_tables(codes, looks, weight).reshape(48, 2) == pytest.approx(wanted, abs=1e-5)


def test_prefixes_have_the_mean_of_all_their_holders():
    codes = np.array([[0, 1], [0, 1], [0, -1], [2, 0]])
    prefixes, means, holders = prefix_means(codes, np.array([[1.0], [3.0], [8.0], [5.0]], np.float32))
    found = {tuple(prefix): (mean, count) for prefix, mean, count in zip(prefixes, means[:, 0], holders, strict=True)}
    assert found == {(0, -1): (4.0, 3.0), (2, -1): (5.0, 1.0), (0, 1): (2.0, 2.0), (2, 0): (5.0, 1.0)}


def test_nobodys_look_is_nothing(painter):
    assert not look_of(painter.conditioning, np.zeros((2, 160), np.float32)).any()


def test_codes_stand_for_the_mean_preference_of_who_holds_them():
    """The first code for the mean over all its holders, the next for what is left; nobody's for nothing."""
    preferences = np.random.default_rng(5).normal(size=(4, 160)).astype(np.float32)
    codes = np.array([[0, 1, -1], [0, 2, -1], [0, 2, -1], [3, -1, -1]])
    tables = preference_tables([prefix_means(codes, preferences)], ridge=1e-9)
    assert tables.preferences
    with torch.no_grad():
        said = tables(torch.tensor([[0, -1, -1], [0, 2, -1], [3, -1, -1], [-1, -1, -1]])).numpy()
    assert said[2] == pytest.approx(preferences[3], abs=1e-5)
    assert said[1] == pytest.approx(preferences[1:3].mean(0), abs=1e-5)
    assert said[0] == pytest.approx(preferences[:3].mean(0), abs=1e-5)
    assert not said[3].any()


def test_parts_are_fitted_together():
    """A user and a segment of the same code, at their weights."""
    one, other = np.full((1, 160), 1.0, np.float32), np.full((1, 160), 4.0, np.float32)
    codes = np.array([[5, -1, -1]])
    tables = preference_tables([(codes, one, np.array([1.0])), (codes, other, np.array([2.0]))], ridge=1e-9)
    assert tables.vectors[0, 5].detach().numpy() == pytest.approx(np.full(160, 3.0), abs=1e-5)
