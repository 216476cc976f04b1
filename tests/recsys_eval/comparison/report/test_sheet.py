import numpy as np

from recsys_eval.comparison.report.sheet import contact_sheet
from recsys_eval.report.sheet import GAP, LEFT, TILE, TOP


def test_a_sheet_shows_the_cover_of_each_arm_and_the_true_drawing(lab):
    sheet = np.asarray(contact_sheet(lab))
    step = TILE + GAP // 2
    assert sheet.shape[1] == LEFT + 5 * step + GAP  # original, two segments, two users
    original = sheet[TOP : TOP + TILE, LEFT : LEFT + TILE]
    painted = sheet[TOP : TOP + TILE, LEFT + step : LEFT + step + TILE]
    np.testing.assert_array_equal(painted, original)  # everybody is shown the originals here
    assert sheet.shape[0] == TOP + 3 * (2 * step + GAP)  # three items, a method and the drawings
