import numpy as np

from generation.finishing.shapes import Shapes
from generation.finishing.two_tone import black_and_white, is_two_tone


def nested(outer, inner, size=40):
    picture = np.full((size, size, 3), 255, np.uint8)
    picture[6:34, 6:34] = outer
    picture[13:27, 13:27] = inner
    return picture


def drawn(original, paint):
    shapes = Shapes.of(original)
    result = np.full((*original.shape[:2], 3), np.nan)
    result.reshape(-1, 3)[shapes.inside] = black_and_white(paint.astype(float), shapes)
    return result[..., 0]


def test_told_by_the_paint_alone():
    shapes = Shapes.of(nested((200, 60, 0), (250, 220, 0)))
    black = nested(10, 245).astype(float)
    assert is_two_tone(black, shapes)
    assert not is_two_tone(np.where(black < 100, 90.0, black), shapes)  # grey
    assert not is_two_tone(black * [1.0, 1.0, 0.5], shapes)  # yellow
    assert not is_two_tone(black, Shapes.of(np.full((40, 40, 3), 255, np.uint8)))  # nothing is drawn


def test_smudged_paint_becomes_black_and_white():
    original = nested((120, 0, 0), (250, 220, 0))
    rng = np.random.default_rng(1)
    found = drawn(original, nested(40, 215) + rng.normal(0, 25, (40, 40, 3)))
    assert (found[7:12, 7:33] == 0).all()
    assert (found[14:26, 14:26] == 255).all()
    assert (found[:5] == 255).all()


def test_white_on_white_is_parted_by_a_line_on_the_drawing_s_side():
    found = drawn(nested((200, 200, 80), (120, 120, 80)), np.full((40, 40, 3), 245))
    assert (found[20, :6] == 255).all()
    assert (found[20, 6:8] == 0).all()  # the outline of the outer square
    assert found[20, 10] == 255
    assert (found[20, 13:15] == 0).all()  # the inner square, the smaller one, has the line between the two
    assert found[20, 20] == 255


def test_black_on_black_is_parted_by_a_gap_where_tones_differ():
    apart = drawn(nested((20, 20, 20), (150, 150, 150)), np.full((40, 40, 3), 5))
    alike = drawn(nested((20, 20, 20), (50, 50, 50)), np.full((40, 40, 3), 5))
    assert (alike[7:33, 7:33] == 0).all()
    assert apart[20, 12] > 100
    assert apart[20, 20] == apart[20, 8] == 0
