"""Clicks as rows of drawings."""

import hashlib
from dataclasses import replace

import numpy as np

from generation.personalization.pigeon.training.clicks import clicked_drawings
from generation.personalization.pigeon.training.logged import Logged, preference_of
from tests.generation.personalization.pigeon.conftest import a_history


def cover(pack, drawings, row):
    code, family = drawings.codes[drawings.subject[row]], drawings.families[drawings.family[row]]
    return code, hashlib.sha256(pack.bytes(code, family)).hexdigest()


def clicks_of(drawings, pack):
    """A click on another drawing, one on an original, one on an item seen before, and a skip."""
    told = [cover(pack, drawings, row) for row in (1, 0, 1, 1)]
    history = np.stack([a_history(1)])
    code, original = cover(pack, drawings, 0)
    return Logged(
        users=("a",),
        history=history,
        preference=np.stack([preference_of(history[0])]),
        row=np.zeros(4, np.int64),
        style=np.zeros((4, 32), np.float32),
        expected=np.zeros(4, np.float32),
        clicked=np.array([1, 1, 1, 0], np.float32),
        item_ids=tuple(item for item, _ in told),
        cover_ids=tuple(each for _, each in told),
        propensity=np.array([0.05, 0.8, 0.05, 0.05], np.float32),
        fresh=np.array([True, True, False, True]),
        originals={code: original},
    )


def test_a_click_is_painted_from_the_original_and_an_original_from_another(drawings, pack):
    found = clicked_drawings(clicks_of(drawings, pack), drawings, pack)
    assert found.target.tolist() == [1, 0]
    assert found.reference[0] == 0
    assert found.reference[1] != 0
    assert drawings.subject[found.reference[1]] == drawings.subject[0]
    assert found.weight[0] > found.weight[1]


def test_an_original_whose_picture_is_another_subjects_is_not_painted_from(drawings, pack):
    """Two subjects of the pack may share a picture, and a cover is known by its bytes alone."""
    stranger = int(np.flatnonzero(drawings.subject != drawings.subject[1])[0])
    code, _ = cover(pack, drawings, 1)
    log = replace(clicks_of(drawings, pack), originals={code: cover(pack, drawings, stranger)[1]})
    found = clicked_drawings(log, drawings, pack)
    assert (drawings.subject[found.reference] == drawings.subject[found.target]).all()
