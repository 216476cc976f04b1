import json
import shutil
from datetime import date

import numpy as np
import pytest

from conf.errors import ContractError, UsageError
from reward_model import registry

NIGHT = date(2026, 3, 9)


def test_a_loaded_model_gives_the_same_probabilities_bit_for_bit(saved, split, trained, baseline):
    _, folder = saved
    assert np.array_equal(
        registry.load_predictor(folder).probabilities(split.test), trained.predictor.probabilities(split.test)
    )
    assert np.array_equal(registry.load_baseline(folder).probabilities(split.test), baseline.probabilities(split.test))


def test_the_folder_holds_no_pickle_and_names_its_files(saved):
    _, folder = saved
    manifest = registry.read_manifest(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "baseline.txt",
        "model.json",
        "model.safetensors",
        "vocabulary.json",
    ]
    assert set(manifest["files"]) == {"baseline.txt", "model.safetensors", "vocabulary.json"}
    assert manifest["ds"] == "2026-03-09"


@pytest.mark.parametrize("name", ["model.safetensors", "vocabulary.json", "baseline.txt"])
def test_a_changed_file_is_refused(saved, tmp_path, name):
    folder = tmp_path / "copy"
    shutil.copytree(saved[1], folder)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(ContractError, match=name):
        registry.load_predictor(folder)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UsageError, match="train-reward"):
        registry.load_predictor(tmp_path)


def test_a_version_is_never_rewritten(saved, trained, baseline):
    home, folder = saved
    before = (folder / "model.json").stat().st_mtime_ns
    assert registry.save(home, "v1", trained.predictor, baseline, {"ds": "another"}) == folder
    assert (folder / "model.json").stat().st_mtime_ns == before
    assert not list(folder.parent.glob(".v1*"))


def test_version_follows_everything_that_decides():
    assert registry.version_of({"data": 1}) != registry.version_of({"data": 2})
    assert len(registry.version_of({})) == 16


def test_champions_are_per_night(tmp_path):
    assert registry.previous_champion(tmp_path, NIGHT) is None
    registry.write_champion(tmp_path, date(2026, 3, 7), {"version": "a"})
    registry.write_champion(tmp_path, date(2026, 3, 8), {"version": "b"})
    registry.write_champion(tmp_path, date(2026, 3, 10), {"version": "c"})
    assert registry.previous_champion(tmp_path, NIGHT) == "b"
    assert registry.champion_dir(tmp_path, date(2026, 3, 8)).name == "b"
    path = tmp_path / "models" / "reward" / "champion" / "ds=2026-03-08.json"
    assert json.loads(path.read_text()) == {"ds": "2026-03-08", "version": "b"}
    with pytest.raises(UsageError, match="no champion reward model of ds=2026-03-09"):
        registry.champion_dir(tmp_path, NIGHT)
