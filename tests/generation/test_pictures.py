import numpy as np

from generation.pictures import to_pixels, to_webp


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
