from pathlib import Path

import pytest

import jobs
from jobs.lake.assets import assets_dir, in_checkout


@pytest.fixture
def nothing_chosen(monkeypatch):
    for name in ("COVERLIFT_ASSETS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    assert assets_dir() == tmp_path


def test_else_it_is_the_checkouts_cache(nothing_chosen):
    assert in_checkout()
    assert assets_dir() == Path(jobs.__file__).resolve().parents[1] / ".cache" / "assets"


def test_of_an_installed_package_it_is_the_users_cache(nothing_chosen, tmp_path):
    packages = tmp_path / "site-packages"
    packages.mkdir()
    nothing_chosen.setenv("HOME", str(tmp_path))
    assert assets_dir(packages) == tmp_path / ".cache" / "coverlift" / "assets"
    nothing_chosen.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert assets_dir(packages) == tmp_path / "elsewhere" / "coverlift" / "assets"
