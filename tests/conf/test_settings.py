"""What settings say of themselves."""

import pytest

from conf.load import load_settings
from conf.settings import EvaluateSettings, GenerationSettings, Settings


def test_settings_that_matter_change_the_digest_and_others_do_not():
    base, other = Settings(), load_settings(overrides=["world.seed=5"])
    assert base.digest("reward") == other.digest("reward")
    assert base.digest("world") != other.digest("world")
    assert base.digest() != other.digest()


def test_a_method_alone_has_its_folder_and_nobody_beside():
    settings = GenerationSettings(method="icg", icg="old", adapters={"pigeon": "p"})
    assert settings.adapter_folders == {"icg": "old", "pigeon": "p"}
    alone = settings.painted_by("profile")
    assert (alone.method, alone.beside, alone.adapter_folders) == ("profile", (), {"icg": "old", "pigeon": "p"})
    assert settings.painted_by("icg", "new").adapter_folders == {"icg": "new", "pigeon": "p"}


def test_one_guidance_is_taken_for_all_candidates_and_the_mean_is_that_of_all():
    assert GenerationSettings(guidance=1.5).guidance == (1.5,)
    assert GenerationSettings(guidance=(1.0, 2.0, 4.5)).mean_guidance == 2.5
    with pytest.raises(ValueError, match="guidance"):
        GenerationSettings(guidance=())


@pytest.mark.parametrize(("kind", "given"), [(GenerationSettings, {"steps": 0}), (EvaluateSettings, {"trees": 4})])
def test_values_out_of_range_and_unknown_names_are_refused(kind, given):
    with pytest.raises(ValueError, match=next(iter(given))):
        kind(**given)
    with pytest.raises(ValueError, match="colour"):
        kind(colour="red")
