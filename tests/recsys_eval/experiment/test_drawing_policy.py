"""What a policy over drawings is worth, off-policy."""

import numpy as np
import pytest

from recsys_eval.experiment.drawing_policy import cover_propensity, measure_drawings
from tests.support.worlds.known_world import DS


def value(findings, name):
    found = [figure for figure in findings.figures if figure.name == name]
    assert len(found) == 1, name
    return found[0]


def test_preferred_drawings_are_worth_more_and_the_truth_is_inside(telling_night):
    findings = measure_drawings(telling_night)
    world = telling_night.scorer_of(DS).world
    log = telling_night.log.frame
    preferred, original = [], []
    for row in log.iter_rows(named=True):
        item, user = int(row["item_id"][1:]), int(row["user_id"][1:])
        preferred.append(world.chance(user, item, world.liking[user], row["position"]))
        original.append(world.chance(user, item, world.default_look[item], row["position"]))
    for policy, truth in (("preferred_drawing", np.mean(preferred)), ("original_drawing", np.mean(original))):
        for estimator in ("ips", "snips", "dr"):
            found = value(findings, f"ope.{policy}.{estimator}")
            assert found.low < truth < found.high, (policy, estimator)
    assert value(findings, "ope.preferred_drawing.dr").low > value(findings, "ope.original_drawing.dr").high
    assert value(findings, "ope.preferred_drawing.effective_size").of == "impressions"


def test_cover_propensity_is_shared_by_what_was_not_default():
    n = np.array([2, 2, 2, 2, 4, 4, 1])
    default = np.array([1, 1, 1, 0, 1, 0, 1], bool)
    assert cover_propensity(default, n).tolist() == pytest.approx([0.75, 0.75, 0.75, 0.25, 0.5, 0.5 / 3, 1.0])
