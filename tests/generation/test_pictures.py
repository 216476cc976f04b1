import numpy as np
import pytest

from generation.pictures import to_pixels, to_webp
from generation.review.pictures import media_type
from jobs.lake.pictures import WRITERS, encoded, mime_of


def test_pictures_survive_encoding():
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(to_pixels(to_webp(pixels)), pixels)


def test_references_of_any_kind_become_64_by_64_rgb():
    import io

    from PIL import Image

    from reward_model.encoders.model import to_pixels as as_encoded

    random = np.random.default_rng(4)
    for channels in (1, 3, 4):
        noise = Image.fromarray(random.integers(0, 256, (80, 100, channels), dtype=np.uint8).squeeze())
        with io.BytesIO() as buffer:
            noise.save(buffer, "PNG")
            np.testing.assert_array_equal(to_pixels(buffer.getvalue()), as_encoded([buffer.getvalue()])[0])
    with io.BytesIO() as buffer:
        Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(buffer, "PNG")
        assert (to_pixels(buffer.getvalue()) == 255).all()  # transparent is white


@pytest.mark.parametrize("form", WRITERS)
def test_every_format_is_read_again_and_shown_by_the_desk(form):
    across, down = np.meshgrid(np.linspace(0, 255, 96), np.linspace(0, 255, 64))
    pixels = np.stack([across, down, 255 - across], axis=2).astype(np.uint8)
    data = encoded(pixels, form, quality=90)
    again = to_pixels(data, None)
    assert again.shape == (64, 96, 3)
    assert np.abs(again.astype(int) - pixels).mean() < (1e-9 if form == "webp-lossless" else 4)
    assert media_type(data) == mime_of(form)
    assert encoded(pixels, form, quality=90) == data


def test_quality_is_paid_for_in_bytes():
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for form in ("webp", "jpeg", "avif"):
        assert len(encoded(noise, form, 30)) < len(encoded(noise, form, 95))
    assert encoded(noise, "webp-lossless", 30) == to_webp(noise)
