"""What the judge says of real drawings, computed once and kept in a file named by what decides it."""

import numpy as np
import pytest

from jobs.stickers.pack import PicturePack
from recsys_eval.judge.known_drawings import drawings_file, judged, picture_id, prepare, read_drawings, write_drawings
from recsys_eval.judge.model import WEIGHTS_DIR, Judge


@pytest.fixture(scope="module")
def pack():
    return PicturePack.load().sample(3)


def test_what_is_read_is_what_the_judge_says(tmp_path, pack):
    keys = [(code, family) for code in pack.codes() for family in pack.families_of(code)]
    pixels = np.stack([pack.pixels(*key) for key in keys])
    file = drawings_file(folder=tmp_path / "assets")
    assert write_drawings(Judge.load(), pack, file) == len(keys)
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    known = read_drawings(file)
    found = np.stack([known[picture_id(picture)] for picture in pixels])
    np.testing.assert_allclose(found, judged(Judge.load(), pixels), atol=1e-4)


def test_another_judge_has_another_file(tmp_path):
    (tmp_path / "judge.safetensors").write_bytes((WEIGHTS_DIR / "judge.safetensors").read_bytes()[:-1])
    assert drawings_file(tmp_path, tmp_path) != drawings_file(folder=tmp_path)


def test_without_the_file_no_drawing_is_known(tmp_path):
    assert read_drawings(drawings_file(folder=tmp_path)) == {}


def test_set_up_judges_the_drawings_once(tmp_path, pack, monkeypatch):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    said: list[str] = []
    prepare(said.append, pack)
    written = drawings_file().stat().st_mtime_ns
    prepare(said.append, pack)
    assert drawings_file().stat().st_mtime_ns == written
    assert len(read_drawings(drawings_file())) == sum(len(pack.families_of(code)) for code in pack.codes())
    assert [line for line in said if "looking" in line] == ["Judge: looking at the real drawings, once"]
