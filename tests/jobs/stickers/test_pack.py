import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from jobs.lake.splits import split_of
from jobs.stickers.build_pack import normalise_code
from jobs.stickers.pack import FAMILIES, LANGUAGES, PicturePack

COUNTS = {
    "noto": 1570, "noto-v1": 1163, "twemoji": 1570, "fluent-flat": 1569, "fluent-3d": 1570, "fluent-high-contrast": 1566
}  # fmt: skip


@pytest.fixture(scope="module")
def pack():
    return PicturePack.load()


def test_subjects_are_whole(pack):
    assert len(pack.subjects) == 1570
    assert len(set(pack.codes())) == 1570
    for subject in pack.subjects:
        assert subject.code == normalise_code(subject.code)
        assert subject.group
        assert subject.subgroup
        assert all(subject.labels[language] for language in LANGUAGES)
        assert set(subject.tags) == set(LANGUAGES)


def test_nearly_every_subject_is_drawn_by_five_families_and_1163_by_blob(pack):
    assert pack.families == FAMILIES
    counts = {family: sum(family in pack.families_of(code) for code in pack.codes()) for family in FAMILIES}
    assert counts == COUNTS


def test_no_drawing_is_in_two_splits(pack):
    split_of_picture = {}
    for code in pack.codes():
        for family in pack.families_of(code):
            split_of_picture.setdefault(pack.bytes(code, family), set()).add(split_of(code))
    assert {len(splits) for splits in split_of_picture.values()} == {1}


def test_all_families_are_stored_alike(pack):
    """Lossless WebP (chunk VP8L) at seven bits a channel, so that no file tells its family."""
    for family in FAMILIES:
        code = next(code for code in pack.codes() if family in pack.families_of(code))
        assert pack.bytes(code, family)[12:16] == b"VP8L"
        pixels = pack.pixels(code, family)
        np.testing.assert_array_equal(pixels & 1, pixels >> 7)


def test_pixels_are_the_decoded_bytes(pack):
    pixels = pack.pixels("1f98a", "noto")
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(io.BytesIO(pack.bytes("1f98a", "noto")))))
    assert pixels[0, 0].tolist() == [255, 255, 255]  # on white


def test_high_contrast_has_one_colour(pack):
    pixels = pack.pixels("1f98a", "fluent-high-contrast").astype(int)
    assert np.ptp(pixels, axis=2).max() == 0


def test_pictures_of_a_subject_differ(pack):
    hashes = {hashlib.sha256(pack.bytes("1f98a", family)).hexdigest() for family in pack.families_of("1f98a")}
    assert len(hashes) == len(pack.families_of("1f98a"))


def test_tags_are_words_of_the_language(pack):
    fox = pack.subject("1f98a")
    assert fox.labels["en"] == "fox"
    assert fox.labels["de"] == "Fuchs"


def test_unknown_code_names_what_codes_look_like(pack):
    with pytest.raises(KeyError, match="codes look like"):
        pack.families_of("no-such-code")


def test_missing_drawing_names_the_families_there_are(pack):
    code = next(code for code in pack.codes() if "noto-v1" not in pack.families_of(code))
    with pytest.raises(KeyError, match="twemoji"):
        pack.pixels(code, "noto-v1")


def test_missing_pack_names_what_mends_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="coverlift world pack"):
        PicturePack.load(tmp_path)
