"""Cosines of vectors whose angles are known; the click model is a stand-in that likes one direction."""

from types import SimpleNamespace

import numpy as np
import pytest

from recsys_eval.comparison.figures.audience import user_audience
from recsys_eval.comparison.figures.encoder_scores import Words, encoder_scores
from recsys_eval.people.events import Events
from tests.support.worlds.comparison_lab import source_of


class Likes:
    """A click model whose answer is the first number of the style vector, by a user's number."""

    def states_of(self, users):
        return SimpleNamespace(count=len(users))

    def state_click_probability(self, states, state, items, embeddings, styles):
        assert embeddings.shape[1] == 128
        assert int(np.max(state)) < states.count
        return 0.1 + 0.1 * styles[:, 0]


@pytest.fixture
def words(lab):
    """Titles are what the items' vectors are, turned by 60 degrees; the first user with clicks likes item 0."""
    half = np.zeros((3, 128))
    half[range(3), range(3)], half[:, 100] = 0.5, 3**0.5 / 2
    user = user_audience(lab).people.ids[0]
    return Words(titles=half, clicked_covers={user: np.eye(128)[0]}, clicked_titles={user: half[0]})


def test_cosines_are_those_of_titles_originals_and_clicked_covers(lab, words):
    audience = user_audience(lab)
    found = dict(encoder_scores(lab, audience, words, None))
    assert "personal reward" not in found
    assert found["CS to the title"].mean("profile").value == pytest.approx(0.5)
    assert found["CIS to the original"].mean("profile").value == pytest.approx(1)
    assert found["relevance"].mean("profile").value == pytest.approx(0.75 + 0.25 * 0.5)
    assert found["history CIS"].users == 1
    assert found["history CIS"].mean("original").value == pytest.approx(1 / 3)  # of three items one is item 0
    assert found["history CS"].mean("profile").value == pytest.approx(0.5 / 3)


def test_the_click_model_is_asked_about_every_user_and_picture(lab, words):
    audience = user_audience(lab)
    found = dict(encoder_scores(lab, audience, words, Likes()))["personal reward"]
    assert found.lift("profile").value == pytest.approx(0)  # everybody is shown the originals
    drawn_by_first = np.tile(lab.default == 0, (len(audience.users), 1))
    expected = np.average(0.1 + 0.1 * drawn_by_first, weights=audience.weight[:, None] * np.ones_like(drawn_by_first))
    assert found.mean("profile").value == pytest.approx(expected)


def test_words_are_read_from_the_log(lab, people_night):
    source = source_of(people_night)

    class Text:
        def encode(self, titles):
            return None, np.tile(np.eye(128, dtype=np.float32)[5], (len(titles), 1))

    clicks = source.events.frame.filter(source.events.frame["clicked"])
    user = clicks["user_id"][0]
    silent = Events(frame=source.events.frame.filter(~source.events.frame["clicked"]))
    titles = [item.title for item in source.cast.content]
    told = Words.read(source.ctx.lake, Text(), titles, [user], source.events, source.catalogue)
    np.testing.assert_allclose(told.clicked_covers[user], np.eye(128)[0])  # every cover of this night has that vector
    np.testing.assert_allclose(told.clicked_titles[user], np.eye(128)[5])
    assert Words.read(source.ctx.lake, Text(), titles, [user], silent, source.catalogue).clicked_covers == {}
