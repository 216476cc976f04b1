"""Everybody is shown what the world says they like best, so that every figure is known."""

import numpy as np
import pytest

from recsys_eval.comparison.figures.audience import (
    NOBODY,
    SEGMENT,
    SWAPPED,
    owners,
    segment_audience,
    slices_of,
    truth,
    user_audience,
)
from recsys_eval.people.events import People
from tests.support.worlds.comparison_lab import showing


@pytest.mark.parametrize("audience_of", [segment_audience, user_audience])
def test_originals_gain_nothing_and_best_drawings_close_the_gap(lab, audience_of):
    audience = audience_of(lab)
    everybody = np.ones(len(audience.users), bool)
    nothing = truth(lab, audience, everybody)
    assert nothing.gap_closed("profile").value == pytest.approx(0)
    assert nothing.lift("profile").value == pytest.approx(0)
    drawings, best = showing(lab, audience, audience.drawn.family)
    assert truth(drawings, best, everybody).gap_closed("profile").value == pytest.approx(1)


def test_controls_are_of_the_same_cells(lab):
    segments, users = segment_audience(lab), user_audience(lab)
    assert set(segments.shown) == {"profile", f"profile: {NOBODY}", f"profile: {SWAPPED}"}
    assert set(users.shown) == {"profile", f"profile: {NOBODY}", f"profile: {SWAPPED}", f"profile: {SEGMENT}"}
    own, theirs = users.shown["profile"][0], users.shown[f"profile: {SEGMENT}"][0]
    place = {name: row for row, name in enumerate(segments.people.ids)}
    for row, user in enumerate(users.people.ids):
        assert theirs[row].tolist() == segments.shown["profile"][0][place[user]].tolist()
    swapped = users.shown[f"profile: {SWAPPED}"][0]
    assert sorted(map(tuple, swapped)) == sorted(map(tuple, own))


def test_an_owner_stands_for_each_taste(lab):
    segments, users = segment_audience(lab), user_audience(lab)
    assert [segments.people.segment[row] for row in segments.owners] == sorted(set(segments.people.segment))
    assert (users.people.clicks[users.owners] > 0).all()
    assert len(users.owners) == (users.people.clicks > 0).sum()


def test_owners_of_equal_pictures_are_all_alike(lab):
    (matrix,) = owners(lab, user_audience(lab), "profile")
    np.testing.assert_allclose(matrix, matrix[:, :1].repeat(matrix.shape[1], axis=1))


def test_slices_are_users_by_clicks():
    people = People(as_of=None, ids=("a", "b", "c"), clicks=np.array([0, 2, 12]), segment=("s",) * 3)
    found = slices_of(people, "user")
    assert found["3 clicks or more"].tolist() == [False, False, True]
    assert list(slices_of(people, "segment")) == ["all"]
