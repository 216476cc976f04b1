"""The rules by which any picture becomes what a person sees of it, each against pixels worked out by hand."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from generation.pictures import to_pixels
from jobs.lake.pictures import opened
from jobs.stickers.pack import PicturePack

CORNERS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [255, 255, 255], [128, 128, 128]]], np.uint8)
"""2 x 3, every pixel another colour."""
UPRIGHT = {
    1: CORNERS,
    2: CORNERS[:, ::-1],
    3: CORNERS[::-1, ::-1],
    4: CORNERS[::-1],
    5: CORNERS.transpose(1, 0, 2),
    6: np.rot90(CORNERS, -1),
    7: CORNERS[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(CORNERS),
}


def encoded(picture, form="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def seen(data):
    return np.asarray(opened(data).convert("RGB"))


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_exif_turns_a_picture_upright(orientation, form, options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(CORNERS), form, exif=exif, **options)
    np.testing.assert_array_equal(seen(data), UPRIGHT[orientation])


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"nonsense"])
def test_broken_exif_is_no_fault_of_the_picture(exif):
    np.testing.assert_array_equal(seen(encoded(Image.fromarray(CORNERS), exif=exif)), CORNERS)


def test_grey_of_sixteen_bits_keeps_its_tones():
    deep = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    np.testing.assert_array_equal(seen(encoded(Image.fromarray(deep)))[0, :, 0], [0, 1, 128, 255])


def test_cmyk_becomes_rgb():
    data = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)
    np.testing.assert_allclose(seen(data)[4, 4], [255, 0, 0], atol=3)


def test_a_profile_is_turned_into_srgb_and_transparency_stays():
    colour = (120, 60, 200, 100)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    same = opened(encoded(Image.new("RGBA", (2, 2), colour), icc_profile=lab.tobytes()))
    assert same.mode == "RGBA"
    np.testing.assert_allclose(np.asarray(same)[0, 0], colour, atol=1)


def test_a_profile_of_other_colours_moves_them():
    """In a profile whose red is sRGB's green, red is green."""
    data = encoded(Image.fromarray(CORNERS), icc_profile=swapped_profile())
    np.testing.assert_allclose(seen(data)[0], [[0, 255, 0], [255, 0, 0], [0, 0, 255]], atol=2)


def swapped_profile():
    """The sRGB profile with the tags of its red and green primaries exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)


@pytest.mark.parametrize("profile", [b"no profile", b"\0" * 200, "grey"])
def test_a_broken_or_foreign_profile_changes_nothing(profile):
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes() if profile == "grey" else profile
    np.testing.assert_array_equal(seen(encoded(Image.fromarray(CORNERS), icc_profile=made)), CORNERS)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken(form):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=50, **options)
    np.testing.assert_array_equal(seen(data)[0, 0], [255, 0, 0])


def test_palettes_and_what_they_leave_transparent():
    picture = Image.fromarray(np.array([[0, 1]], np.uint8))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    rgba = np.asarray(opened(encoded(picture, transparency=1)))
    np.testing.assert_array_equal(rgba[0], [[255, 0, 0, 255], [0, 0, 255, 0]])


def test_a_colour_that_png_calls_transparent_lies_on_white():
    data = encoded(Image.new("RGB", (64, 64), (1, 2, 3)), transparency=(1, 2, 3))
    assert (to_pixels(data) == 255).all()


def test_drawings_of_the_built_in_world_are_decoded_as_ever():
    pack = PicturePack.load()
    for code in pack.codes()[::50]:
        for family in pack.families_of(code):
            np.testing.assert_array_equal(to_pixels(pack.bytes(code, family)), pack.pixels(code, family))
