import numpy as np
import pytest

from generation.personalization.dppmg.titles.reward import INVALID, SHRINKAGE, Judged, WordsPreference, best_of


def test_the_log_tells_what_everybody_likes(material):
    reward = material.reward
    clicked, made = material.events.clicked, material.events.made
    plain = np.array([one.words == 0 and one.phrase == 0 for one in made])
    words = np.array([one.words > 0 for one in made])
    base = clicked.sum() / (len(clicked))
    rate = np.array([clicked[material.events.user == user].sum() for user in range(60)])
    expected = ((rate + 50 * base) / (36 + 50))[material.events.user]
    by_hand = np.log((clicked[words].sum() + SHRINKAGE) / (expected[words].sum() + SHRINKAGE)) - np.log(
        (clicked[plain].sum() + SHRINKAGE) / (expected[plain].sum() + SHRINKAGE)
    )
    assert reward.preference.everybody[1] == pytest.approx(by_hand)
    assert np.isnan(reward.preference.everybody[3])  # nobody was shown both


def test_groups_prefer_what_their_users_clicked(material, content):
    reward, fox = material.reward, content["fox"]
    assert set(reward.preference.groups) == {"de:0", "de:1", "en:0", "en:1"}
    worth = {
        group: [
            reward.preference.of(text, fox, group, "en")
            for text in ("fox", "fox: red", "Say hello to: fox!", "Say hello to: fox, red!")
        ]
        for group in ("en:0", "en:1")
    }
    assert np.argmax(worth["en:0"]) == 2
    assert np.argmax(worth["en:1"]) == 1
    # What nobody was shown is worth no more than the worst that somebody was.
    assert worth["en:0"][3] == min(worth["en:0"][:3])


def test_an_unknown_group_has_everybodys_preference():
    preference = WordsPreference(everybody=np.array([0.0, 0.3, -0.1, np.nan]), groups={})
    np.testing.assert_allclose(preference.values("en:none"), [0.0, 0.3, -0.1, -0.1])


def test_what_fails_a_check_is_never_chosen(material, content):
    judged = material.reward.judge("Say hello to: cat!", content["fox"], "en:0", "en")
    assert judged.failed == ("label",)
    assert judged.total == INVALID
    assert best_of([judged, Judged(-1.0, ())]) == 1
    assert best_of([]) is None
