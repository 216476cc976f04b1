import io

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from conf.settings import GenerationSettings
from generation.canvas import like, reference_pixels, resized
from generation.personalization.methods import canvases
from generation.pictures import to_pixels


def stored(pixels, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def test_the_canvas_is_the_one_shaped_like_the_original():
    choice = [(512, 512), (512, 768), (768, 512)]
    assert [like(size, choice) for size in ((300, 450), (64, 64), (1920, 1080), (1, 9))] == [
        (512, 768),
        (512, 512),
        (768, 512),
        (512, 768),
    ]
    assert like((100, 100), [(64, 128), (128, 64)]) == (64, 128)  # as far from one as from the other: the first


def test_a_cover_fills_its_canvas_and_loses_the_same_on_both_sides():
    stripes = np.zeros((40, 120, 3), np.uint8)
    stripes[:, :40, 0], stripes[:, 40:80, 1], stripes[:, 80:, 2] = 255, 255, 255
    kept = reference_pixels(stored(stripes), (40, 40))
    assert (kept[:, 5:35] == [0, 255, 0]).all()
    wide = reference_pixels(stored(stripes), (240, 80))
    assert wide.shape == (80, 240, 3)
    assert (wide[40, [20, 120, 220]] == np.diag([255, 255, 255])).all()


def test_the_built_in_generator_is_handed_what_the_encoders_see():
    data = stored(np.random.default_rng(0).integers(0, 256, (50, 90, 3), dtype=np.uint8))
    np.testing.assert_array_equal(reference_pixels(data, (64, 64)), to_pixels(data))
    assert reference_pixels(data, (32, 64)).shape == (64, 32, 3)
    clear = np.zeros((50, 90, 4), np.uint8)
    assert (reference_pixels(stored(clear), (32, 64)) == 255).all()


def test_pictures_are_scaled_only_where_they_have_to_be():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 8, 16, 3), dtype=np.uint8)
    assert resized(pictures, (16, 8)) is pictures
    assert resized(pictures, (8, 8)).shape == (2, 8, 8, 3)


def test_settings_say_canvases_in_words():
    assert GenerationSettings(canvas=1024).canvases == ((1024, 1024),)
    assert GenerationSettings(canvas="512x768").canvases == ((512, 768),)
    several = GenerationSettings(canvas=["768x512", "640"])
    assert (several.canvases, several.square) == (((768, 512), (640, 640)), 512)
    for wrong, why in (("512 x 768", "pattern"), ("500x500", "multiples of 8"), ([], "at least 1"), ("0x8", "pattern")):
        with pytest.raises(ValidationError, match=why):
            GenerationSettings(canvas=wrong)


def test_a_method_over_the_built_in_generator_paints_its_size_whatever_the_canvas():
    assert canvases(GenerationSettings(canvas="512x768", method="icg")) == {
        "icg": ((64, 64),),
        "profile": ((64, 64),),
    }
