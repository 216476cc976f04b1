import numpy as np
import pytest

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.diffusion.painter import SHIPPED, checkpoint_fingerprint
from generation.personalization.methods import METHODS, shipped_weights
from recsys_eval.comparison.arms import ArmPainters, arms_of
from tests.support.models import example_method

SETTINGS = GenerationSettings()


@pytest.fixture
def newest(monkeypatch, tmp_path):
    """A method whose weights are in a folder, and one part of which can be left out."""
    spec = example_method.SPEC.__class__(
        method=example_method.SPEC.method,
        adapter=example_method.SPEC.adapter,
        needs=example_method.SPEC.needs,
        trained_by="a test",
        ablations={"no-history": "tests.support.models.example_method:open_without_history"},
    )
    monkeypatch.setitem(METHODS, "newest", spec)
    example_method.train(tmp_path, checkpoint_fingerprint(SHIPPED))
    return tmp_path


def test_a_methods_own_arm_has_its_shipped_weights():
    arms = arms_of(SETTINGS, ["profile", "icg"])
    assert (arms["profile"].folder, arms["icg"].folder) == (None, shipped_weights("icg"))
    assert arms["profile"].fingerprint != arms["icg"].fingerprint
    assert [(arm.name, arm.method, arm.ablation) for arm in arms.values()] == [
        ("profile", "profile", None), ("icg", "icg", None),
    ]  # fmt: skip


def test_folders_replace_a_methods_weights_or_add_an_arm(newest):
    arms = arms_of(SETTINGS, ["profile", "newest"], [f"newest={newest}", f"newest-stage1={newest}"])
    assert list(arms) == ["profile", "newest", "newest-stage1"]
    assert {arms[name].method for name in ("newest", "newest-stage1")} == {"newest"}
    assert arms["newest"].folder == arms["newest-stage1"].folder == newest


def test_an_arm_that_is_shown_pictures_is_refused(tmp_path):
    (tmp_path / "pigeon.safetensors").write_bytes(b"")
    with pytest.raises(UsageError, match="pigeon-public is shown pictures of clicked covers"):
        arms_of(SETTINGS, ["profile"], [f"pigeon-public={tmp_path}"])


def test_ablations_follow_their_method_and_are_painted_as_something_else(newest):
    arms = arms_of(SETTINGS, ["newest", "profile"], [f"newest={newest}"], ablations=True)
    assert list(arms) == ["newest", "newest-no-history", "profile"]
    assert arms["newest"].fingerprint != arms["newest-no-history"].fingerprint


def test_an_arm_is_painted_by_its_own_weights_and_without_its_part(newest):
    arms = arms_of(SETTINGS, ["profile", "newest"], [f"newest={newest}"], ablations=True)
    painters = ArmPainters(arms, SETTINGS)
    rng = np.random.default_rng(0)
    history = np.zeros((1, 48, 165), np.float32)
    history[0, 0, :160], history[0, 0, 160], history[0, 0, 164] = rng.normal(size=160), 1, 1
    told = {
        "prompts": ["fox"], "references": rng.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8),
        "preferences": rng.normal(size=(1, 160)).astype(np.float32), "seeds": np.array([3]), "steps": 1,
    }  # fmt: skip
    plain = painters("profile").paint(method="profile", **told)
    with_history = painters("newest").paint(method="newest", histories=history, **told)
    without = painters("newest-no-history").paint(method="newest", histories=history, **told)
    assert (with_history != plain).any()
    np.testing.assert_array_equal(without, plain)
    assert painters.told_events("newest").fingerprint == arms["newest"].fingerprint
    assert painters.told_events("profile") is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("icg", "name=FOLDER"),
        ("icg=", "name=FOLDER"),
        ("pigon-stage1=somewhere", "begins with a method's"),
        ("icg-old=nowhere", "needs a trained adapter"),
    ],
)
def test_a_wrong_adapter_is_refused(given, says):
    with pytest.raises(UsageError, match=says):
        arms_of(SETTINGS, ["profile"], [given])
