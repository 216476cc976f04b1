import typing

import pytest

from conf.settings import GenerationSettings
from generation.finishing import finishings
from generation.finishing.finishings import FINISHINGS, Finishing, finished_fingerprint

GENERATOR = "0123456789abcdef"


def test_the_settings_offer_what_there_is_and_none():
    offered = typing.get_args(GenerationSettings.model_fields["finishing"].annotation)
    assert set(offered) == {*FINISHINGS, "none"}


def test_a_fingerprint_follows_generator_and_finishing():
    found = finished_fingerprint(GENERATOR, "regions")
    assert len(found) == 16
    assert found != GENERATOR
    assert finished_fingerprint(GENERATOR[::-1], "regions") != found
    assert finished_fingerprint(GENERATOR, "none") == GENERATOR


@pytest.mark.parametrize("name", sorted(FINISHINGS["regions"].decided_by))
def test_a_fingerprint_follows_every_parameter(name, monkeypatch):
    regions = FINISHINGS["regions"]
    changed = Finishing(apply=regions.apply, decided_by={**regions.decided_by, name: -1})
    before = finished_fingerprint(GENERATOR, "regions")
    monkeypatch.setitem(finishings.FINISHINGS, "regions", changed)
    assert finished_fingerprint(GENERATOR, "regions") != before
