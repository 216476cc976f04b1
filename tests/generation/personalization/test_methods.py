"""The registry: a method is a folder and one entry."""

import re
from pathlib import Path

import numpy as np
import pytest

import generation.serving.server as server
from conf.errors import UsageError
from conf.settings import GenerationSettings, Settings
from generation.diffusion.painter import SHIPPED, Painter, checkpoint_fingerprint
from generation.history import WEIGHT, history_array
from generation.personalization import methods
from generation.personalization.methods import (
    adapter_folders,
    adapter_openers,
    check_methods,
    method_fingerprints,
    needed,
    shipped_weights,
    with_what_methods_need,
)
from generation.serving.backends import open_backend
from generation.serving.repository import write_repository
from tests.support.models import example_method

ROOT = Path(__file__).parents[3]


@pytest.fixture
def newest(monkeypatch, tmp_path):
    """Settings of a night by the method of the example, trained on the shipped generator."""
    monkeypatch.setitem(methods.METHODS, "newest", example_method.SPEC)
    folder = tmp_path / "newest"
    folder.mkdir()
    example_method.train(folder, checkpoint_fingerprint(SHIPPED))
    return GenerationSettings(
        method="newest", adapters={"newest": str(folder)}, backend="inprocess", steps=1, max_batch=4
    )


def write_repository_with_the_example(folder, settings):
    """The real repository, for a process whose registry has the example too."""
    written = write_repository(folder, settings)
    model = written / "painter" / "1" / "model.py"
    preamble = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from generation.personalization.methods import METHODS\n"
        "from tests.support.models.example_method import SPEC\n"
        "METHODS['newest'] = SPEC\n"
    )
    model.write_text(preamble + model.read_text())
    return written


@pytest.fixture(params=["inprocess", "triton-local"])
def backend(request, newest, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "write_repository", write_repository_with_the_example)
    with open_backend(newest.model_copy(update={"backend": request.param, "timeout_s": 60.0}), tmp_path) as opened:
        yield opened


def assert_same(one, other):
    difference = np.abs(one.picture.astype(int) - other.picture.astype(int))
    assert difference.mean() <= 0.5


def test_a_method_of_one_file_and_one_entry_is_served_beside_the_others(backend, newest, make_request):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(3, 160)).astype(np.float32) / 12  # about as long as a preference
    told = history_array(
        vectors=vectors,
        clicked=np.array([False, True, True]),
        age_hours=np.arange(3.0),
        examination=np.ones(3),
        weight=np.ones(3),
    )
    bad = told.copy()
    bad[2, WEIGHT] = -1.0
    requests = [
        make_request(1, method="newest", history=told),
        make_request(1, preference=told[1, :160]),
        make_request(1, method="newest"),  # nobody's history
        make_request(1),
        make_request(1, method="newest", history=bad),
        make_request(1, history=told),
        make_request(1, method="newest", tokens=np.zeros(6, np.int32)),
    ]
    found = {result.index: result for result in backend.paint(requests)}
    assert [found[index].error for index in range(4)] == [None] * 4
    assert_same(found[0], found[1])
    assert_same(found[2], found[3])
    assert np.abs(found[0].picture.astype(int) - found[2].picture).mean() > 1
    fingerprints = method_fingerprints(newest, found[3].generator)
    assert found[0].generator == found[2].generator == fingerprints["newest"] != found[3].generator
    assert [found[index].error.partition(": ")[2] for index in (4, 5, 6)] == [
        "history has the weight -1 in row 2: expected 0 or more",
        "history is given, and the method profile takes none: leave it out",
        "tokens is given, and the method newest takes none: leave it out",
    ]
    (alone,) = backend.paint(requests[:1])
    assert_same(alone, found[0])


def test_its_weights_are_checked_like_any_other(newest, tmp_path):
    folder = Path(newest.adapters["newest"])
    with pytest.raises(UsageError, match=r"was trained on generator .*, and 0123 would paint"):
        method_fingerprints(newest, "0123")
    (folder / "strength.safetensors").write_bytes(b"something else")
    with pytest.raises(UsageError, match="SHA-256"):
        Painter.load(adapters=adapter_openers(adapter_folders(newest)))
    nowhere = newest.model_copy(update={"adapters": {"newest": str(tmp_path / "nowhere")}})
    with pytest.raises(
        UsageError, match=r"`tests\.support\.models\.example_method`, or name one in generation\.adapters"
    ):
        method_fingerprints(nowhere, "0123")
    assert shipped_weights("newest") == Path(example_method.__file__).parent / "weights"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"method": "icgg"},
            r"no personalisation method 'icgg': there are dppmg, icg, pigeon, profile; did you mean 'icg'\?",
        ),
        ({"beside": ("profil",)}, r"'profil'.*did you mean 'profile'\?"),
        ({"adapters": {"igc": "x"}}, r"'igc'.*did you mean 'icg'\?"),
        ({"adapters": {"profile": "x"}}, r"no pipeline of diffusers \(model_index.json\): profile has no weights"),
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


def test_a_night_whose_method_reads_histories_builds_them():
    settings = Settings(generation=GenerationSettings(method="pigeon"))
    assert with_what_methods_need(settings).features.segment_history
    assert with_what_methods_need(Settings()) == Settings()
    beside = Settings(generation=GenerationSettings(beside=("profile", "pigeon")))
    assert with_what_methods_need(beside).features.segment_history


def test_a_folder_over_another_generator_decides_what_its_method_is_told(tmp_path):
    """Pictures in place of preference and events; they come from the same histories of segments."""
    (tmp_path / "pigeon.safetensors").write_bytes(b"")
    public = GenerationSettings(method="pigeon", beside=(), adapters={"pigeon": str(tmp_path)})
    assert needed(public) == {"pictures"}
    assert needed(GenerationSettings(method="pigeon", beside=())) == {"preference", "history"}
    assert with_what_methods_need(Settings(generation=public)).features.segment_history
