"""A world that is made in seconds."""

import pytest

import jobs.simulator.model as model
from jobs.stickers.pack import PicturePack


@pytest.fixture
def small_pack(pack, monkeypatch):
    """120 subjects, so that a world with its pictures is loaded in seconds."""
    subjects = pack.subjects[::13]
    pictures = {(s.code, f): pack.bytes(s.code, f) for s in subjects for f in pack.families_of(s.code)}
    small = PicturePack(subjects, pictures)
    monkeypatch.setattr(model.PicturePack, "load", classmethod(lambda cls: small))
    return small
