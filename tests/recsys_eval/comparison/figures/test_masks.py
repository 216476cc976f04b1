"""Scores that are known: of a mask that sees who was injected, and of one that sees nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from generation.diffusion.adapter import GeneratorAdapter, ScoresEvents
from recsys_eval.comparison.figures.masks import LIKED, Believed, auc_within, believed, mask_figures
from tests.support.worlds.comparison_lab import SIZES, source_of


class Scores:
    """Scores events by one column of theirs."""

    def __init__(self, column):
        self.column = column

    def event_scores(self, preference, history):
        assert preference.shape == (len(history), 160)
        return history[:, :, self.column]


@pytest.fixture(scope="module")
def source(people_night):
    return replace(
        source_of(people_night, replace(SIZES, users=40, noise_users=40)), needs=frozenset({"preference", "history"})
    )


def one(scores, own, user="u"):
    return Believed(user=user, scores=np.array(scores), own=np.array(own), liked=np.array(own))


def test_the_auc_of_one_user_is_sklearns_and_of_several_that_over_all_their_pairs():
    rng = np.random.default_rng(0)
    scores, own = rng.integers(5, size=12).astype(float), rng.random(12) < 0.5
    found = auc_within([one(scores, own)], "own", resamples=10, seed=0)
    assert found.found.value == pytest.approx(roc_auc_score(own, scores))
    two = [one([2.0, 1.0], [True, False]), one([0.0, 1.0, 2.0], [True, False, False]), one([1.0], [True])]
    found = auc_within(two, "own", resamples=10, seed=0)
    assert found.found.value == pytest.approx(1 / 3)
    assert (found.users, found.items) == (2, 3)
    assert auc_within([one([1.0], [True])], "own", resamples=10, seed=0) is None


def test_clicks_are_scored_in_their_order_and_flags_are_those_of_the_noise(source):
    """A row's style vector is the family of what was clicked: one column is the answer to every question."""
    rows = source.cast.noisy(40)
    noisy = source.noisy_events(rows, 0.4, "household")
    users = [user for user, chosen in zip(source.cast.people.ids, rows, strict=True) if chosen]
    column = 128 + 1
    found = list(believed(Scores(column), source, noisy, users))
    assert found
    family = {str(cover): place for place in range(6) for cover in source.world.items.cover_ids[:, place] if cover}
    for each in found:
        clicks = noisy.of(each.user).reverse().filter(noisy.of(each.user).reverse()["clicked"])
        assert each.scores.tolist() == [float(family[cover] == 1) for cover in clicks["cover_id"]]
        assert each.own.tolist() == [not flag for flag in clicks["injected"]]
        number = source.world.user_index([each.user])[0]
        likes = source.world.style_taste[number] > 0
        assert each.liked.tolist() == [bool(likes[family[cover]]) for cover in clicks["cover_id"]]


def test_a_blind_mask_is_at_chance_and_a_method_that_scores_nothing_has_no_row(source):
    rows = source.cast.noisy(40)
    noise = {"random 40%": ("random", 0.4)}
    found = dict(mask_figures(Scores(164), source, rows, noise, resamples=20))  # every known row has a 1 there
    assert set(found) <= {LIKED, "own clicks, random 40%"}
    assert "own clicks, random 40%" in found
    assert all(each.found.value == 0.5 for each in found.values())
    plain = GeneratorAdapter(fingerprint="", unet=torch.nn.Identity(), conditioning=torch.nn.Identity())
    assert not isinstance(plain, ScoresEvents)
    assert list(mask_figures(plain, source, rows, noise, resamples=20)) == []
    assert list(mask_figures(None, source, rows, noise, resamples=20)) == []
