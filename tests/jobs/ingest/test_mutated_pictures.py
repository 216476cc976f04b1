"""The fuzz of pictures: each of 1,000 is accepted, and then decoded as its measures say, or refused for a reason."""

import io
import struct
import zlib
from collections import Counter
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from generation.pictures import to_pixels
from jobs.ingest.contract import IMAGE_BOMB, UNREADABLE_IMAGE
from jobs.ingest.covers import look_at
from jobs.lake.pictures import opened
from tests.support.worlds.small_input import sha

PICTURES = 1000
MAX_PIXELS = 5_000
MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("1", "L", "P", "RGB", "RGBA"),
}
PROFILES = {
    "none": None,
    "sRGB": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "Lab": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    "broken": b"\0" * 130,
}


@dataclass(frozen=True)
class Drawn:
    """A picture before its bytes are spoiled."""

    form: str
    mode: str
    size: tuple[int, int]
    orientation: int
    profile: str
    frames: int

    def encoded(self) -> bytes:
        rng = np.random.default_rng(self.size)
        if self.mode == "I;16":
            first = Image.fromarray(rng.integers(0, 65_536, self.size[::-1], dtype=np.uint16))
        else:
            first = Image.fromarray(rng.integers(0, 256, (*self.size[::-1], 4), dtype=np.uint8), "RGBA")
            first = first.convert(self.mode) if self.mode != "CMYK" else first.convert("RGB").convert("CMYK")
        exif = Image.Exif()
        exif[0x0112] = self.orientation
        options = {"exif": exif, "icc_profile": PROFILES[self.profile]} if self.form != "GIF" else {}
        if self.frames > 1 and self.form != "JPEG" and self.mode != "I;16":
            options |= {"save_all": True, "append_images": [first.rotate(180)] * (self.frames - 1), "duration": 20}
        buffer = io.BytesIO()
        first.save(buffer, self.form, **options)
        return buffer.getvalue()

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as a person sees them."""
        return self.size[::-1] if self.orientation >= 5 and self.form != "GIF" else self.size


def drawn():
    kinds = st.sampled_from([(form, mode) for form, modes in MODES.items() for mode in modes])
    return st.builds(
        lambda kind, **rest: Drawn(*kind, **rest),
        kinds,
        size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
        orientation=st.integers(1, 8),
        profile=st.sampled_from(sorted(PROFILES)),
        frames=st.integers(1, 3),
    )


def spoilings():
    place, junk = st.floats(0, 1), st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 30))
    return st.one_of(
        st.none(),
        st.tuples(st.sampled_from(("cut", "overwrite", "overwrite", "insert", "declare")), place, junk),
    )


def spoiled(data, spoiling):
    if spoiling is None:
        return data
    action, place, junk = spoiling
    at = int(place * len(data))
    if action == "cut":
        return data[:at]
    if action == "insert":
        return data[:at] + junk + data[at:]
    if action == "declare":
        return declared_large(data)
    return data[:at] + junk + data[at + len(junk) :]


def declared_large(data):
    """A bomb: a PNG that says it is 100,000 x 100,000; other formats with the first bytes of one."""
    head = (
        b"IHDR" + struct.pack(">II", 100_000, 100_000) + (data[24:29] if data[:4] == b"\x89PNG" else b"\x08\x02\0\0\0")
    )
    tail = data[33:] if data[:4] == b"\x89PNG" else b""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + tail


def test_a_thousand_pictures_are_accepted_by_a_rule_or_refused_for_a_reason():
    found = Counter()

    @settings(max_examples=PICTURES, derandomize=True, database=None, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(drawn(), spoilings())
    def look(picture, spoiling):
        data = spoiled(picture.encoded(), spoiling)
        told = look_at(data, sha(data), MAX_PIXELS)
        found[told.reasons, spoiling is None] += 1
        if told.reasons:
            assert told.width is None
            assert set(told.reasons) < {UNREADABLE_IMAGE, IMAGE_BOMB}
            return
        assert (told.width, told.height) == opened(data).size
        assert told.mime == f"image/{picture.form.lower()}"
        assert to_pixels(data).shape == (64, 64, 3)
        if spoiling is None:
            assert (told.width, told.height) == picture.upright

    look()
    assert found.total() == PICTURES
    assert {reasons for reasons, whole in found if whole} == {()}  # whole pictures are never refused
    assert min(found[(), False], found[(UNREADABLE_IMAGE,), False], found[(IMAGE_BOMB,), False]) > PICTURES / 50
