import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from generation.finishing.shapes import Shapes, regions


def on_white(size=24):
    return np.full((size, size, 3), 255, np.uint8)


def square_with_soft_edge():
    """Red from column and row 8 to 15; four pixels of column 16 are three quarters white."""
    picture = on_white()
    picture[8:16, 8:16] = (200, 40, 40)
    picture[8:12, 16] = (241, 201, 201)  # 0.25 * (200, 40, 40) + 0.75 * 255 = (241.25, 201.25, 201.25)
    return picture


def test_a_square_and_its_background_are_two_regions_and_the_soft_edge_none():
    label = regions(square_with_soft_edge())
    expected = np.zeros((24, 24), int)
    expected[8:16, 8:16], expected[8:12, 16] = 1, -1
    assert_array_equal(label, expected)


def test_a_gradient_is_one_region_and_a_speck_none():
    picture = on_white()
    picture[4:20, 4:20] = np.linspace(0, 150, 16).astype(np.uint8)[None, :, None]  # steps of 10, below SAME
    picture[0, 0] = 0
    label = regions(picture)
    assert len(np.unique(label[4:20, 4:20])) == 1
    assert label[0, 0] == -1


def test_pale_is_not_white():
    picture = on_white()
    picture[8:16, 8:16] = 249
    label = regions(picture)
    assert label[12, 12] != label[0, 0]


def test_a_soft_edge_is_the_mixture_that_it_was():
    picture = square_with_soft_edge()
    between = Shapes.of(picture).mixtures
    assert_array_equal(between.at, [row * 24 + 16 for row in range(8, 12)])
    assert between.fits.all()
    colours = picture.reshape(-1, 3).astype(float)
    mixed = between.share[:, None] * colours[between.first] + (1 - between.share[:, None]) * colours[between.second]
    assert_allclose(mixed, colours[between.at], atol=0.5)
    assert_allclose(np.sort([between.share, 1 - between.share], axis=0)[0], 0.25, atol=0.01)


def test_a_colour_that_no_two_regions_mix_to_does_not_fit():
    picture = on_white()
    picture[8:16, 8:16] = (200, 40, 40)
    picture[10, 16] = (0, 0, 255)
    between = Shapes.of(picture).mixtures
    assert between.at.tolist() == [10 * 24 + 16]
    assert not between.fits.any()


def test_background_is_white_at_the_picture_s_edge_only():
    picture = on_white()
    picture[4:20, 4:20] = (0, 0, 200)
    picture[9:15, 9:15] = 255
    shapes = Shapes.of(picture)
    assert shapes.background[shapes.label[0, 0]]
    assert not shapes.background[shapes.label[12, 12]]
    assert not shapes.background[shapes.label[5, 5]]


def test_depth_and_neighbour_of_a_square():
    shapes = Shapes.of(np.pad(np.full((9, 9, 3), 60, np.uint8), ((7, 8), (7, 8), (0, 0)), constant_values=255))
    depth, neighbour = np.full((24, 24), np.nan), np.full((24, 24), -2)
    depth.ravel()[shapes.inside], neighbour.ravel()[shapes.inside] = shapes.depth, shapes.neighbour
    assert_allclose(depth[11, 7:16], [0, 1, 2, 3, 4, 3, 2, 1, 0])
    assert neighbour[11, 7] == neighbour[11, 11] == shapes.label[0, 0]  # the middle is five pixels from white
    assert neighbour[0, 0] == -1


def test_equal_colours_have_one_tone():
    picture = on_white(32)
    picture[2:8, 2:8], picture[2:8, 20:26], picture[20:26, 2:8] = (200, 0, 0), (205, 5, 0), (0, 0, 200)
    shapes = Shapes.of(picture)
    first, second, other = (shapes.tone[shapes.label[place]] for place in ((4, 4), (4, 22), (22, 4)))
    assert first == second != other
    # 36 pixels each: (200 + 205) / 2, (0 + 5) / 2
    assert_allclose(shapes.tones(shapes.colour)[first], [202.5, 2.5, 0])
    assert_allclose(shapes.tones(shapes.colour)[other], [0, 0, 200])


@pytest.mark.parametrize(
    ("weight", "expected"),
    [(None, 3.0), (np.array([1.0, 3.0]), 3.5)],  # (2 + 4) / 2, (1 * 2 + 3 * 4) / 4
)
def test_means_by_hand(weight, expected):
    shapes = Shapes(original=np.zeros((1, 2, 3), np.uint8), label=np.zeros((1, 2), np.int64))
    assert_allclose(shapes.means(np.array([2.0, 4.0]), weight), [expected])
