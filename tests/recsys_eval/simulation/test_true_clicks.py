import numpy as np
import pytest

from jobs.simulator.model import World
from jobs.simulator.wording import KINDS, PLAIN, title
from recsys_eval.judge.judgements import CachedJudge
from recsys_eval.simulation.true_clicks import WorldClicks


@pytest.fixture(scope="module")
def clicks(sticker_night, judge):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CachedJudge, "open", classmethod(lambda cls, lake: judge))
        yield WorldClicks(sticker_night.ctx)


def test_what_was_shown_is_as_likely_as_it_was_clicked(clicks, sticker_night):
    """Drawings are their family's and words are read: over all impressions clicks are as many as expected."""
    play = sticker_night.play
    chance = clicks.as_shown(play) * play.position**-0.6
    spread = np.sqrt((chance * (1 - chance)).sum())
    assert play.clicked.sum() == pytest.approx(chance.sum(), abs=4 * spread)


def test_the_default_drawing_with_plain_words_is_what_the_world_says(clicks, sticker_night):
    play, world = sticker_night.play, World(sticker_night.ctx.settings.world)
    found = clicks.of_covers(play, play.default_row)
    users = world.user_index(play.frame["user_id"].to_list())
    items = world.item_index(play.frame["item_id"].to_list())
    expected = world.click_probability(users, items, np.eye(6)[world.items.default[items]], 1.0, PLAIN)
    np.testing.assert_allclose(found, expected)


def test_wording_is_read_off_the_title(clicks, sticker_night):
    play, world = sticker_night.play, World(sticker_night.ctx.settings.world)
    kind = clicks._wording(play)
    assert set(kind.tolist()) == set(range(len(KINDS)))
    users = world.user_index(play.frame["user_id"].to_list())
    subjects = {subject.code: subject for subject in world.items.pack.subjects}
    for row in range(0, len(play), 97):
        language = ("en", "de", "es", "ja")[world.users.language[users[row]]]
        assert title(subjects[play.frame["item_id"][row]], kind[row], language) == play.frame["title"][row]
