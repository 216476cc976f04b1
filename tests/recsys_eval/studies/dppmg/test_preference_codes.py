import numpy as np
import torch

from recsys_eval.studies.dppmg.preference_codes import MARGIN, NAME, SIZE, nearest, page


def test_the_nearest_of_each_item_are_shown_nearest_first():
    nodes = torch.tensor([[0.0, 2.0], [1.0, 0.1], [3.0, 0.0], [1.0, 1.0], [-1.0, 0.0]])
    assert nearest(nodes, torch.tensor([1.0, 0.0]), ["a", "b", "b", "c", "d"], shown=3) == [2, 3, 0]


def test_a_page_has_a_row_a_code_with_its_pictures_behind_the_name():
    red = np.zeros((SIZE, SIZE, 3), np.uint8)
    red[:, :, 0] = 255
    sheet = np.asarray(page([("code 0: 20 users", [red]), ("code 1: 30 users", [red, red])]))
    step = SIZE + MARGIN
    assert sheet.shape[0] == 2 * step
    assert sheet[MARGIN, NAME + 5].tolist() == [255, 0, 0]
    assert sheet[MARGIN, NAME + step + 5].tolist() == [255, 255, 255]
    assert sheet[step + MARGIN, NAME + step + 5].tolist() == [255, 0, 0]
    assert (sheet[:step, :NAME] < 128).any()
