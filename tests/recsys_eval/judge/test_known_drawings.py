"""What the judge says of real drawings, kept in a file that is checked before it is believed."""

import json

import numpy as np
import pytest

from jobs.stickers.pack import PicturePack
from recsys_eval.judge.known_drawings import FILE, judged, picture_id, read_drawings, write_drawings
from recsys_eval.judge.model import Judge


@pytest.fixture(scope="module")
def pack():
    return PicturePack.load().sample(3)


@pytest.fixture
def folder(tmp_path, pack):
    entry = write_drawings(Judge.load(), pack, tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"drawings": entry}))
    return tmp_path


def test_what_is_read_is_what_the_judge_says(folder, pack):
    keys = [(code, family) for code in pack.codes() for family in pack.families_of(code)]
    pixels = np.stack([pack.pixels(*key) for key in keys])
    known = read_drawings(folder)
    assert len(known) == len(keys)
    found = np.stack([known[picture_id(picture)] for picture in pixels])
    np.testing.assert_allclose(found, judged(Judge.load(), pixels), atol=1e-4)


def test_another_file_than_the_manifest_names_is_refused(folder):
    content = bytearray((folder / FILE).read_bytes())
    content[-1] ^= 1
    (folder / FILE).write_bytes(content)
    with pytest.raises(ValueError, match="its manifest says"):
        read_drawings(folder)
    (folder / FILE).unlink()
    with pytest.raises(FileNotFoundError, match="restore it from git"):
        read_drawings(folder)


def test_the_shipped_answers_are_the_judge_s_and_speak_of_every_drawing():
    pack, known = PicturePack.load(), read_drawings()
    keys = [(code, family) for code in pack.codes() for family in pack.families_of(code)]
    some = np.random.default_rng(9).choice(len(keys), 24, replace=False)
    pixels = np.stack([pack.pixels(*keys[row]) for row in some])
    found = np.stack([known[picture_id(picture)] for picture in pixels])
    np.testing.assert_allclose(found, judged(Judge.load(), pixels), atol=1e-4)
    assert {picture_id(pack.pixels(*key)) for key in keys} == set(known)


def test_a_judge_without_the_file_knows_no_drawing(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    assert read_drawings(tmp_path) == {}
