import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from generation.personalization.methods import shipped_weights
from recsys_eval.comparison.figures.costs import Weights, speeds, weights_of
from recsys_eval.comparison.pictures import SPEED


def test_weights_are_counted_without_the_scales_of_packed_ones(tmp_path):
    save_file({"a": np.zeros((2, 3), np.float16), "b": np.zeros(4), "b.scale": np.zeros(4)}, tmp_path / "w.safetensors")
    (tmp_path / "manifest.json").write_text(json.dumps({"minutes": 75}))
    found = weights_of(tmp_path)
    assert (found.parameters, found.training_minutes) == (10, 75)
    assert found.megabytes == (tmp_path / "w.safetensors").stat().st_size / 1e6
    assert weights_of(None) == Weights(megabytes=0.0, parameters=0, training_minutes=None)


def test_shipped_weights_of_icg_are_two_and_a_half_million():
    assert 2.3e6 < weights_of(shipped_weights("icg")).parameters < 2.7e6


def test_speed_is_pictures_over_seconds_of_all_batches_of_an_arm(tmp_path):
    row = {"arm": "icg", "pictures": 10, "seconds": 0.5, "cpu_seconds": 1.0, "looking_seconds": 0.2}
    rows = [row, {**row, "seconds": 1.5}, {**row, "arm": "profile"}]
    (tmp_path / SPEED).write_text("\n".join(json.dumps(each) for each in rows) + '\n{"arm": "ic')
    found = speeds(tmp_path)
    assert found["icg"].pictures_per_second == pytest.approx(10)
    assert found["icg"].cpu_seconds == pytest.approx(0.1)
    assert set(found) == {"icg", "profile"}
    assert speeds(tmp_path / "nowhere") == {}
