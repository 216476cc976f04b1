import numpy as np

from generation.personalization.dppmg.titles.groups import NONE, WordsCodes, fit_codes, group_parts, groups_of, members
from generation.personalization.dppmg.titles.taste import TitleTastes


def tastes(count, language="en", clicks=3):
    """Half like words, half phrases."""
    generator = np.random.default_rng(1)
    centre = np.where(np.arange(count)[:, None] % 2 == 0, [[0.6, -0.2]], [[-0.2, 0.6]])
    return TitleTastes(
        users=[f"u{n}" for n in range(count)],
        language=[language] * count,
        taste=centre + 0.01 * generator.standard_normal((count, 2)),
        clicks=np.full(count, clicks),
    )


def test_groups_keep_the_floor():
    known = tastes(100)
    codes = fit_codes(known, floor=30, seed=0)
    assert len(codes.centres) == 2
    sizes = [len(users) for users in members(known.users, groups_of(known, codes)).values()]
    assert sizes == [50, 50]
    assert len(fit_codes(known, floor=51, seed=0).centres) == 1


def test_a_user_is_coded_by_the_nearest_centre_and_one_without_clicks_by_none():
    codes = WordsCodes(centres=np.array([[0.0, 1.0], [1.0, 0.0]]))
    found = codes.code(np.array([[0.1, 0.8], [0.9, 0.3], [0.9, 0.3]]), np.array([1, 2, 0]))
    assert found.tolist() == [0, 1, NONE]


def test_users_without_a_language_are_in_no_group():
    known = tastes(2, language="")
    codes = WordsCodes(centres=np.zeros((1, 2)))
    assert groups_of(known, codes) == ["", ""]
    assert members(known.users, groups_of(known, codes)) == {}


def test_names_tell_their_parts():
    assert group_parts("zh-hant:3") == ("zh-hant", 3)


def test_equal_centres_have_one_fingerprint():
    one, two = (WordsCodes(centres=np.array([[0.1, 0.2]]) + change) for change in (0.0, 1e-9))
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint != WordsCodes(centres=np.array([[0.1, 0.3]])).fingerprint
