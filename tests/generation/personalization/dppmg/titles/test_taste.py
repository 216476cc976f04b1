from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.makeup import make_up
from generation.personalization.dppmg.titles.taste import PRIOR, TitleEvents, expected_clicks, read_events, tastes_of
from tests.support.worlds.samples import sample

FOX = TitleContent("a", {"en": "fox", "de": "Fuchs"}, {"en": ("red",)})


def events_of(rows):
    """(user, title, clicked) of one item at position 1."""
    return TitleEvents(
        users=sorted({row[0] for row in rows}),
        user=np.array([sorted({row[0] for row in rows}).index(row[0]) for row in rows]),
        items=pa.chunked_array([["a"] * len(rows)]),
        titles=[row[1] for row in rows],
        made=[make_up(row[1], FOX) for row in rows],
        clicked=np.array([row[2] for row in rows], float),
        position=np.ones(len(rows), np.int64),
        propensity=np.ones(len(rows)),
    )


def test_expected_clicks_by_hand():
    events = events_of([("u", "fox", 1), ("u", "fox", 0), ("v", "fox", 0), ("v", "fox", 0)])
    # Everybody 1 / 4; smoothed with 50 impressions: u (1 + 12.5) / 52, v 12.5 / 52.
    np.testing.assert_allclose(expected_clicks(events, np.ones(1)), [13.5 / 52] * 2 + [12.5 / 52] * 2)
    late = TitleEvents(**{**vars(events), "position": np.array([1, 2, 1, 9])})
    base = 1 / (1 + 0.5 + 1 + 0.5)
    np.testing.assert_allclose(
        expected_clicks(late, np.array([1.0, 0.5])),
        [(1 + 50 * base) / 51.5, 0.5 * (1 + 50 * base) / 51.5, 50 * base / 51.5, 0.5 * 50 * base / 51.5],
    )


def test_a_taste_is_one_newton_step_by_hand():
    rows = [("u", "fox: red", 1), ("u", "fox: red", 0), ("v", "fox: red", 0), ("v", "fox: red", 0)]
    found = tastes_of(events_of(rows), np.ones(1))
    expected = np.array([13.5, 12.5]) / 52
    scale = 1 / (2 * expected.sum())  # within the make-up clicks are as expected
    p = expected * scale
    by_hand = (np.array([1.0, 0.0]) - 2 * p) / (2 * p * (1 - p) + 1 / PRIOR**2)
    np.testing.assert_allclose(found.taste[:, 0], by_hand)
    np.testing.assert_allclose(found.taste[:, 1], 0, atol=1e-12)
    assert found.clicks.tolist() == [1, 0]


def test_the_language_is_that_of_most_titles(material):
    assert material.tastes.language[:40] == ["en"] * 40
    assert material.tastes.language[40:] == ["de"] * 20
    found = tastes_of(events_of([("u", "fox", 0), ("u", "Fuchs", 1), ("u", "Fuchs", 0), ("v", "cat", 0)]), np.ones(1))
    assert found.language == ["de", ""]


def test_who_clicks_phrases_likes_phrases(material):
    even, odd = material.tastes.taste[::2].mean(axis=0), material.tastes.taste[1::2].mean(axis=0)
    assert even[1] > 0.2 > 0 > even[0]
    assert odd[0] > 0.2 > 0 > odd[1]


def test_only_the_days_up_to_the_night_are_read(new_lake):
    days = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-02-01"]
    for day in days:
        row = sample("impressions", ds=day, item_id="a", title="fox", impression_id=day, policy="rank", propensity=0.5)
        new_lake.replace(row, "impressions", ds=day)
    found = read_events(new_lake, date(2026, 3, 2), {"a": FOX})
    assert len(found.titles) == 2
    assert found.made[0] == make_up("fox", FOX)


@pytest.mark.parametrize("title", [None, "cat"])
def test_titles_of_nothing_known_count_for_no_part(title, new_lake):
    new_lake.replace(sample("impressions", item_id="a", title=title, propensity=0.5), "impressions", ds="2026-03-02")
    events = read_events(new_lake, date(2026, 3, 2), {"a": FOX})
    assert events.made == [None]
    assert tastes_of(events, np.ones(1)).taste.tolist() == [[0.0, 0.0]]
