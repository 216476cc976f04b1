"""The registry: a method is a folder and one entry."""

import re
from pathlib import Path

import numpy as np
import pytest

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.diffusion.painter import SHIPPED, Painter, checkpoint_fingerprint
from generation.personalization import methods
from generation.personalization.methods import adapter_folders, check_methods, method_fingerprints, shipped_weights
from generation.serving.backends import open_backend
from tests.support import example_method

ROOT = Path(__file__).parents[3]


@pytest.fixture
def opposite(monkeypatch, tmp_path):
    """Settings of a night by the method of the example, trained on the shipped generator."""
    monkeypatch.setitem(methods.METHODS, "opposite", example_method.SPEC)
    folder = tmp_path / "opposite"
    folder.mkdir()
    example_method.train(folder, checkpoint_fingerprint(SHIPPED))
    return GenerationSettings(method="opposite", adapters={"opposite": str(folder)}, backend="inprocess", steps=1)


def test_a_method_of_one_file_and_one_entry_is_served_beside_the_others(opposite, tmp_path, make_request):
    preference = np.random.default_rng(1).normal(size=160).astype(np.float32)
    turned, wanted, other = make_request(preference=preference), make_request(preference=-preference), make_request()
    with open_backend(opposite, tmp_path) as backend:
        requests = [make_request(preference=preference, method="opposite"), wanted, turned]
        by_opposite, by_profile, other = backend.paint(requests)
        assert by_opposite.generator == method_fingerprints(opposite, backend.fingerprint("profile"))["opposite"]
    np.testing.assert_array_equal(by_opposite.picture, by_profile.picture)
    assert (by_opposite.picture != other.picture).any()
    assert by_opposite.generator != by_profile.generator


def test_its_weights_are_checked_like_any_other(opposite, tmp_path):
    folder = Path(opposite.adapters["opposite"])
    with pytest.raises(UsageError, match=r"was trained on generator .*, and 0123 would paint"):
        method_fingerprints(opposite, "0123")
    (folder / "strength.safetensors").write_bytes(b"something else")
    with pytest.raises(UsageError, match="SHA-256"):
        Painter.load(adapters=adapter_folders(opposite))
    nowhere = opposite.model_copy(update={"adapters": {"opposite": str(tmp_path / "nowhere")}})
    with pytest.raises(UsageError, match=r"-m tests\.support\.example_method`, or name one in generation\.adapters"):
        method_fingerprints(nowhere, "0123")
    assert shipped_weights("opposite") == Path(example_method.__file__).parent / "weights"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "icgg"}, r"no personalisation method 'icgg': there are icg, profile; did you mean 'icg'\?"),
        ({"beside": ("profil",)}, r"'profil'.*did you mean 'profile'\?"),
        ({"adapters": {"igc": "x"}}, r"'igc'.*did you mean 'icg'\?"),
        ({"adapters": {"profile": "x"}}, "'profile', a method without weights"),
    ],
)
def test_settings_name_methods_that_there_are(settings, message):
    with pytest.raises(UsageError, match=message):
        check_methods(GenerationSettings(**settings))


def test_the_older_spelling_of_a_folder_is_the_same_folder():
    old, new = GenerationSettings(method="icg", icg="x"), GenerationSettings(method="icg", adapters={"icg": "x"})
    assert adapter_folders(old) == adapter_folders(new) == {"icg": Path("x")}
    with pytest.raises(ValueError, match=r"icg and adapters\.icg name the same folder"):
        GenerationSettings(icg="x", adapters={"icg": "x"})


def test_no_code_outside_its_folder_asks_for_a_method_by_name():
    """Planning, painting and serving treat all methods alike."""
    places = [
        path for part in ("planning", "painting", "serving") for path in (ROOT / "generation" / part).glob("*.py")
    ]
    places += [ROOT / "generation/diffusion/painter.py", ROOT / "recsys_eval/studies/canvas.py"]
    assert len(places) > 10
    named = [path.name for path in places if re.search(r"\bicg\b", path.read_text(), re.IGNORECASE)]
    assert named == []
