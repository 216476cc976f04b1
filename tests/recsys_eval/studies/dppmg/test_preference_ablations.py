"""On a log in which users click one style or another: what a part is worth is known."""

import numpy as np
import pytest
import torch

from generation.personalization.dppmg.quantise import Quantiser, fit_codebooks
from generation.personalization.dppmg.train_preferences import Fit, fit_projection
from recsys_eval.studies.dppmg.preference_ablations import Areas, by_id, fewer_levels, variants
from tests.support.tastes.two_styles import two_styles

FIT = Fit(steps=10, every=10, batch=256)


@pytest.fixture(scope="module")
def data():
    return two_styles()


@pytest.fixture(scope="module")
def learned(data):
    """A projection, and codes of what it says of users."""
    network, _ = fit_projection(data, "visual", FIT)
    with torch.no_grad():
        preferences = network(data.graph, torch.from_numpy(data.features))
    bare = Quantiser(metric=torch.eye(preferences.shape[1]), codebooks=torch.zeros(0, 16, preferences.shape[1]))
    return network, Quantiser(metric=bare.metric, codebooks=fit_codebooks(bare.scaled(preferences), 3, seed=1))


def test_each_part_is_left_out_and_a_stranger_s_codes_say_nothing(data, learned):
    rows = data.rows("validation")
    found = {name: Areas.of(data, rows, score).mean(50, 0).value for name, score in variants(data, *learned, FIT, rows)}
    assert next(iter(found)) == "as shipped"
    assert len(found) == 9
    assert found["as shipped"] > 0.65
    assert abs(found["all levels, codes of somebody else"] - 0.5) < 0.12
    assert found["3 levels of codes"] > found["all levels, codes of somebody else"]


def test_a_difference_to_itself_is_nothing_and_is_paired(data, learned):
    rows = data.rows("validation")
    own, coded = (Areas.of(data, rows, score) for _, score in list(variants(data, *learned, FIT, rows))[:6:5])
    nothing = own.mean(50, 0, own)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    difference = coded.mean(50, 0, own)
    assert difference.value == pytest.approx(coded.mean(50, 0).value - own.mean(50, 0).value)
    assert difference.high - difference.low < own.mean(50, 0).high - own.mean(50, 0).low


def test_by_id_the_edges_stay_and_looks_are_gone(data):
    ids = by_id(data, 3)
    assert ids.graph is data.graph
    assert ids.clicked.shape == data.clicked.shape
    looks = np.corrcoef(ids.features[:, 128], data.features[:, 128])[0, 1]
    assert abs(looks) < 0.6


def test_fewer_levels_decode_to_the_first_codes(learned):
    _, quantiser = learned
    assert fewer_levels(quantiser, 1).levels == 1
    assert torch.equal(fewer_levels(quantiser, 1).codebooks[0], quantiser.codebooks[0])
