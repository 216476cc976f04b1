from dataclasses import replace

import numpy as np
import pytest

from generation.planning.units import MAX_SEED, PaintUnit, rounded, unit_seed

SAMPLER = {"generator": "g1", "steps": 8, "guidance": (1.0,)}
PREFERENCE = np.linspace(-1, 1, 160).astype(np.float32)
UNIT = PaintUnit(
    item_id="fox",
    segment_id="s1",
    prompt="fox",
    reference_cover_id="ab" * 32,
    preference=PREFERENCE,
    method="profile",
    seed=5,
    candidates=2,
)


def moved(by):
    changed = PREFERENCE.copy()
    changed[7] += by
    return changed


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "red fox"},
        {"reference_cover_id": "cd" * 32},
        {"preference": moved(0.001)},
        {"method": "icg"},
        {"seed": 6},
        {"candidates": 3},
        {"history_id": "ef" * 32},
        {"tokens": (1, 2, 3, 4, 5, -1)},
        {"clicked_covers": ("ef" * 32,)},
        {"size": (64, 96)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_pixels_changes_the_id(change):
    assert replace(UNIT, **change).unit_id(**SAMPLER) != UNIT.unit_id(**SAMPLER)


@pytest.mark.parametrize(
    "change",
    [
        {"generator": "g2"},
        {"steps": 9},
        {"guidance": (1.5,)},
        {"guidance": (1.0, 1.5)},
        {"stored": ("webp", 90)},
    ],
    ids=str,
)
def test_the_generator_and_its_sampler_change_the_id(change):
    assert UNIT.unit_id(**{**SAMPLER, **change}) != UNIT.unit_id(**SAMPLER)


@pytest.mark.parametrize(
    "change",
    [{"item_id": "wolf"}, {"segment_id": "s2"}, {"preference": moved(1e-6)}, {"preference": PREFERENCE.copy()}],
    ids=["item", "segment", "last bits", "copy"],
)
def test_what_decides_no_pixel_does_not(change):
    assert replace(UNIT, **change).unit_id(**SAMPLER) == UNIT.unit_id(**SAMPLER)


def test_the_id_is_the_same_in_every_process():
    assert UNIT.unit_id(**SAMPLER) == "e38aad73f48ef0e77480bfaf279671388aa591812bdd42473471df63c97e7392"


def test_guidance_as_whole_number_is_the_same_guidance():
    assert UNIT.unit_id(generator="g1", steps=8, guidance=[1]) == UNIT.unit_id(**SAMPLER)


def test_seeds_differ_by_item_segment_and_candidate():
    seeds = {unit_seed(base, item, segment) for base in (1, 2) for item in "ab" for segment in "xy"}
    assert len(seeds) == 8
    assert all(0 <= seed < MAX_SEED for seed in seeds)
    assert unit_seed(23, "a", "bc") != unit_seed(23, "ab", "c")
    assert UNIT.seeds() == [5, 1_000_008]
    assert all(0 <= seed < MAX_SEED for seed in replace(UNIT, seed=MAX_SEED - 1).seeds())


def test_rounding_has_no_negative_zero():
    small = np.full(160, -1e-9, np.float32)
    assert rounded(small).tobytes() == np.zeros(160, np.float32).tobytes()


def test_a_profile_of_another_length_is_refused():
    with pytest.raises(ValueError, match="160 finite values"):
        rounded(np.zeros(128, np.float32))
    with pytest.raises(ValueError, match="160 finite values"):
        rounded(np.full(160, np.nan, np.float32))
