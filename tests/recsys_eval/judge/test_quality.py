"""Hand-computed calibration, confusion and near-equality."""

import numpy as np
import pytest

from recsys_eval.judge.image_metrics import Pictures
from recsys_eval.judge.quality import confusion, expected_calibration_error, fit_temperature, nearly_equal_drawings


def test_the_temperature_of_two_classes_by_hand():
    """Logit gap 4, right 3 times of 4: the best probability is 3/4, so T = 4 / ln 3."""
    logits = np.tile(np.array([4.0, 0.0], np.float32), (4, 1))
    assert fit_temperature(logits, np.array([0, 0, 0, 1])) == pytest.approx(4 / np.log(3), rel=1e-3)


def test_calibration_error_weighs_bins_by_their_rows():
    # Two rows 0.9 sure and both right, two rows 0.6 sure and both wrong: (2 * 0.1 + 2 * 0.6) / 4.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert expected_calibration_error(probabilities, np.array([0, 0, 1, 1])) == pytest.approx(0.35)


def test_a_calibrated_judge_has_no_error():
    probabilities = np.tile([0.75, 0.25], (4, 1))
    assert expected_calibration_error(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0.0)


def test_confusion_has_the_truth_in_rows():
    counts = confusion(np.array([0, 2, 2]), np.array([0, 0, 2]))
    assert (counts[0, 0], counts[0, 2], counts[2, 2], counts.sum()) == (1, 1, 1, 3)


def test_nearly_equal_drawings_are_found_within_a_subject_only():
    white, grey, black = (np.full((64, 64, 3), level, np.uint8) for level in (255, 252, 0))
    pictures = Pictures(
        pixels=np.stack([white, grey, black, white]),
        codes=np.array(["a", "a", "a", "b"]),
        families=np.array([0, 2, 5, 1]),
    )
    assert nearly_equal_drawings(pictures) == [{"code": "a", "families": ["noto", "twemoji"], "difference": 3.0}]
