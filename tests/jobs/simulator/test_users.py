import numpy as np

from jobs.simulator.parameters import ModelParameters, parameters_of
from jobs.simulator.users import draw_styles, draw_users, draw_wording_taste, style_covariance


def seed():
    return np.random.SeedSequence([1, 2])


def test_few_adore_one_family_and_no_family_wins():
    parameters = ModelParameters()
    taste, adored = draw_styles(6000, parameters, np.random.default_rng(3))
    np.testing.assert_allclose(taste.sum(axis=1), 0, atol=1e-12)
    assert (adored >= 0).sum() == 2100  # 0.35 of 6000
    assert np.bincount(adored[adored >= 0]).tolist() == [350] * 6
    np.testing.assert_allclose(taste.mean(axis=0), 0, atol=0.02)
    adorers = np.flatnonzero(adored >= 0)
    assert (taste[adorers].argmax(axis=1) == adored[adorers]).mean() > 0.97
    # The boost is uniform on [1.2, 2.2]; a sixth of it is lost to centring.
    others = np.delete(np.arange(6000), adorers)
    gap = taste[adorers, adored[adorers]].mean() - taste[others].mean()
    assert abs(gap - 1.7 * 5 / 6) < 0.03


def test_families_of_one_look_are_liked_together():
    covariance = style_covariance(ModelParameters(style_sd=2.0, style_correlation=0.25))
    np.testing.assert_allclose(np.diag(covariance), 4.0)
    assert covariance[1, 2] == 1.0  # noto-v1 and twemoji are flat
    assert covariance[0, 1] == 0.0  # noto is shaded


def test_activity_is_lognormal_with_mean_one():
    users = draw_users(50_000, ModelParameters(activity_sd=0.5), seed())
    assert users.activity.mean() == 1.0 or abs(users.activity.mean() - 1) < 1e-12
    assert abs(np.log(users.activity).std() - 0.5) < 0.01
    assert abs(np.log(users.activity).mean() + 0.125) < 0.02  # -sd^2 / 2
    np.testing.assert_allclose(np.bincount(users.language) / 50_000, [0.45, 0.2, 0.2, 0.15], atol=0.01)


def test_the_same_seed_draws_the_same_users():
    one, two = (draw_users(100, ModelParameters(), seed()) for _ in range(2))
    np.testing.assert_array_equal(one.style_taste, two.style_taste)
    np.testing.assert_array_equal(one.factors, two.factors)


def test_a_strong_world_differs_in_wording_alone():
    mild, strong = (draw_users(3000, parameters_of(name), seed()) for name in ("mild", "strong"))
    for name in ("language", "activity", "chronotype", "bias", "factors", "style_taste", "adored"):
        np.testing.assert_array_equal(getattr(mild, name), getattr(strong, name))
    assert (mild.adored_wording == -1).all()
    other = strong.adored_wording == -1
    np.testing.assert_array_equal(mild.wording_taste[other], strong.wording_taste[other])
    assert np.bincount(strong.adored_wording[~other]).tolist() == [350] * 3  # 0.35 of 3000, dealt out


def test_adorers_of_a_kind_like_it_more_by_the_boost_and_click_no_more_in_all():
    parameters = ModelParameters(wording_adorers=1.0, wording_sd=0.0, wording_mean=(0.0, 0.0, 0.0))
    taste, adored = draw_wording_taste(3000, parameters, np.random.default_rng(5))
    np.testing.assert_allclose(taste.sum(axis=1), 0, atol=1e-12)
    own = taste[np.arange(3000), adored]
    boost = own - np.sort(taste, axis=1)[:, 1]  # over either of the two others
    assert boost.min() >= 0.8
    assert boost.max() <= 1.6
    assert abs(boost.mean() - 1.2) < 0.02
