from pathlib import Path

import jobs
from jobs.lake.assets import assets_dir


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    assert assets_dir() == tmp_path


def test_else_it_is_the_checkouts_cache(monkeypatch):
    monkeypatch.delenv("COVERLIFT_ASSETS", raising=False)
    assert assets_dir() == Path(jobs.__file__).resolve().parents[1] / ".cache" / "assets"
