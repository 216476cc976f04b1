from types import SimpleNamespace

import numpy as np
import pytest

from conf.settings import GenerationSettings
from generation.planning.units import PaintUnit
from recsys_eval.comparison import pictures
from recsys_eval.comparison.pictures import batches_of, load, missing, paint_missing
from recsys_eval.comparison.plan import Painters, Plan

CAST = SimpleNamespace(item_ids=["a", "b"], pixels=np.zeros((2, 64, 64, 3), np.uint8))
PAINTERS = Painters(fingerprints={"profile": "f", "icg": "e"}, settings=GenerationSettings())


class Brush:
    """Paints the seed as a grey."""

    def __init__(self):
        self.asked = []

    def paint(self, **told):
        self.asked.append((told["method"], len(told["prompts"])))
        grey = (told["seeds"] % 256).astype(np.uint8)
        return np.broadcast_to(grey[:, None, None, None], (len(grey), 64, 64, 3)).copy()


def looks(pixels):
    return {"grey": pixels[:, 0, 0, :1].astype(np.float32)}


@pytest.fixture
def plan(monkeypatch):
    monkeypatch.setattr(pictures, "BATCH", 3)
    units = {}
    for number in range(7):
        method = "icg" if number % 2 else "profile"
        units[f"unit{number}"] = PaintUnit(
            item_id="ab"[number % 2], segment_id="s", prompt="p", reference_cover_id="r",
            preference=np.zeros(160, np.float32), method=method, seed=number, candidates=1,
        )  # fmt: skip
    return Plan(units=units)


def test_a_batch_is_of_one_method_and_its_name_of_its_members_in_order(plan):
    batches = batches_of(plan)
    assert [batch.ids for batch in batches] == [
        ("unit0", "unit2", "unit4"), ("unit6",), ("unit1", "unit3", "unit5"),
    ]  # fmt: skip
    assert len({batch.name for batch in batches}) == 3
    assert [batch.name for batch in batches_of(plan)] == [batch.name for batch in batches]


def test_only_what_is_missing_is_painted_and_all_comes_back_in_order(plan, tmp_path):
    batches, brush, told = batches_of(plan), Brush(), []
    paint_missing(batches, tmp_path, brush, looks, CAST, PAINTERS, lambda done, total: told.append((done, total)))
    assert brush.asked == [("profile", 3), ("profile", 1), ("icg", 3)]
    assert told == [(3, 7), (4, 7), (7, 7)]
    (tmp_path / f"{batches[1].name}.npz").unlink()
    assert missing(batches, tmp_path) == [batches[1]]
    paint_missing(batches, tmp_path, brush, looks, CAST, PAINTERS, lambda done, total: None)
    assert brush.asked[3:] == [("profile", 1)]
    seen = load(batches, tmp_path)
    rows = seen.rows(np.array([["unit5", ""], ["unit0", "unit6"]], dtype=object))
    assert (rows[0, 1], seen.looks["grey"][rows[0, 0], 0]) == (-1, 5)
    assert [int(seen.pixels[row, 0, 0, 0]) for row in rows[1]] == [0, 6]


def test_a_batch_that_was_cut_off_is_not_there(plan, tmp_path):
    batches = batches_of(plan)

    def stops(pixels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paint_missing(batches, tmp_path, Brush(), stops, CAST, PAINTERS, lambda done, total: None)
    assert missing(batches, tmp_path) == batches
