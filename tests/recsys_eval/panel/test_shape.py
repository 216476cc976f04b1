import numpy as np

from recsys_eval.panel.measures import shaped
from recsys_eval.panel.pairs import Pairs


def test_blurred_covers_have_halos_and_soft_edges(copies: Pairs) -> None:
    painted = copies.painted.pixels.astype(float)
    blurred = sum(np.roll(painted, (y, x), (1, 2)) for y in range(-2, 3) for x in range(-2, 3)) / 25
    pixels = blurred.round().astype(np.uint8)
    pairs = Pairs(painted=type(copies.painted)(
        pixels=pixels, codes=copies.painted.codes, families=copies.painted.families
    ), real=copies.real)  # fmt: skip
    found = {each.measure: each.found.value for each in shaped(pairs) if each.family == "all"}
    assert found["edge halo"] > 1.5
    assert found["gradient energy"] < 0.5
