"""What set-up does for evaluation."""

from recsys_eval.assets import prepare
from recsys_eval.judge.known_drawings import drawings_file


def test_what_is_there_is_named_and_left_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    drawings_file().write_bytes(b"as it is")
    said: list[str] = []
    prepare(said.append)
    assert said == [f"Judge's answers: {drawings_file()}"]
    assert drawings_file().read_bytes() == b"as it is"
