"""The wheel, installed where no checkout is: it sets itself up and runs a small night.

The environment borrows the third-party packages of the one that runs the tests; with ``COVERLIFT_WHEEL_FRESH=1`` it
installs them itself by ``constraints.txt``, as a user does, which takes minutes more.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("conf", "jobs", "reward_model", "generation", "recsys_eval")
FRESH = os.environ.get("COVERLIFT_WHEEL_FRESH") == "1"
OURS = ("COVERLIFT_ASSETS", "PYTHONPATH", "VIRTUAL_ENV")
"""Variables that could lead the installed command back to the checkout."""


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def run(command, where, **variables):
    environment = {key: value for key, value in os.environ.items() if key not in OURS} | variables
    done = subprocess.run(
        list(map(str, command)), cwd=where, env=environment, capture_output=True, text=True, check=False, timeout=1500
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that the checkout stays as it is."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked():
        if name.split("/")[0] in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", out, source], out)
    return next(out.glob("coverlift-*.whl"))


@pytest.mark.soak
def test_the_wheel_holds_every_file_of_our_packages(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    missing = [name for name in tracked() if name.split("/")[0] in PACKAGES and name not in held]
    assert not missing, "add their suffix to [tool.setuptools.package-data]"


@pytest.mark.soak
def test_it_sets_itself_up_and_runs_a_night_outside_the_checkout(wheel, tmp_path):
    venv = tmp_path / "venv"
    run([sys.executable, "-m", "venv", venv], tmp_path)
    python, coverlift = venv / "bin" / "python", venv / "bin" / "coverlift"
    borrowed = [] if FRESH else ["--no-deps"]
    if not FRESH:  # the path alone: the .pth file of an editable install that lies there is not read
        own = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], tmp_path).strip())
        (own / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    run([python, "-m", "pip", "install", "--quiet", *borrowed, "-c", ROOT / "constraints.txt", wheel], tmp_path)
    imported = run([python, "-c", "import jobs; print(jobs.__file__)"], tmp_path).strip()
    assert Path(imported).is_relative_to(venv), "the installed packages, not the checkout's"

    cache, home = tmp_path / "cache", tmp_path / "home"
    night = {"XDG_CACHE_HOME": str(cache)}
    run([coverlift, "setup"], tmp_path, **night)
    assert sorted(path.suffix for path in (cache / "coverlift" / "assets").iterdir() if path.suffix != ".json") == [
        ".jar",
        ".onnx",
        ".safetensors",  # the picture encoder's backbone
        ".safetensors",  # what the judge says of every drawing
    ]
    assert "missing" not in run([coverlift, "doctor", "--home", home], tmp_path, **night)
    words = ["nightly", "--home", home, "--profile", "test"]
    run([coverlift, *words], tmp_path, **night)
    assert (home / "reports" / "ds=2026-03-29" / "index.html").is_file()
    assert '"stage": "report"' in run([coverlift, "inspect", "runs", "--home", home, "--json", "--limit", 20], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"venv", "cache", "home"}, "it wrote elsewhere"
