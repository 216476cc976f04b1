import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from conf.settings import GenerationSettings
from generation.planning.units import PaintUnit
from recsys_eval.comparison import pictures
from recsys_eval.comparison.arms import Arm
from recsys_eval.comparison.pictures import SPEED, Studio, batches_of, load, missing
from recsys_eval.comparison.plan import Painters, Plan

CAST = SimpleNamespace(item_ids=["a", "b"], pixels=np.zeros((2, 64, 64, 3), np.uint8))
ARMS = {name: Arm(name=name, method=name, folder=None, ablation=None, fingerprint=name) for name in ("profile", "icg")}
PAINTERS = Painters(arms=ARMS, settings=GenerationSettings())


class Brush:
    """Paints the seed as a grey."""

    def __init__(self):
        self.asked = []

    def paint(self, **told):
        self.asked.append((told["method"], len(told["prompts"]), "histories" in told))
        grey = (told["seeds"] % 256).astype(np.uint8)
        return np.broadcast_to(grey[:, None, None, None], (len(grey), 64, 64, 3)).copy()


def looks(pixels, items, *, brief):
    grey = pixels[:, 0, 0, :1].astype(np.float32)
    return {"grey": grey} if brief else {"grey": grey, "item": items, "twice": 2 * grey}


def studio(brush, looks=looks):
    return Studio(painters=PAINTERS, cast=CAST, open_painter=lambda arm: brush, looks=looks)


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
    return Plan(units=units, painted_by={name: unit.method for name, unit in units.items()})


def test_a_batch_is_of_one_method_and_its_name_of_its_members_in_order(plan):
    batches = batches_of(plan)
    assert [batch.ids for batch in batches] == [
        ("unit0", "unit2", "unit4"), ("unit6",), ("unit1", "unit3", "unit5"),
    ]  # fmt: skip
    assert len({batch.name for batch in batches}) == 3
    assert [batch.name for batch in batches_of(plan)] == [batch.name for batch in batches]


def test_only_what_is_missing_is_painted_and_all_comes_back_in_order(plan, tmp_path):
    batches, brush, told = batches_of(plan), Brush(), []
    studio(brush).paint_missing(batches, plan, tmp_path, lambda done, total: told.append((done, total)))
    assert brush.asked == [("profile", 3, False), ("profile", 1, False), ("icg", 3, False)]
    assert told == [(3, 7), (4, 7), (7, 7)]
    (tmp_path / f"{batches[1].name}.npz").unlink()
    assert missing(batches, tmp_path) == [batches[1]]
    studio(brush).paint_missing(batches, plan, tmp_path, lambda done, total: None)
    assert brush.asked[3:] == [("profile", 1, False)]
    seen = load(batches, tmp_path)
    rows = seen.rows(np.array([["unit5", ""], ["unit0", "unit6"]], dtype=object))
    assert (rows[0, 1], seen.looks["grey"][rows[0, 0], 0]) == (-1, 5)
    assert [int(seen.pixels[row, 0, 0, 0]) for row in rows[1]] == [0, 6]


def test_a_batch_that_was_cut_off_is_not_there(plan, tmp_path):
    batches = batches_of(plan)

    def stops(pixels, items, *, brief):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studio(Brush(), stops).paint_missing(batches, plan, tmp_path, lambda done, total: None)
    assert missing(batches, tmp_path) == batches


def test_noise_is_looked_at_briefly_and_the_rest_is_unknown(plan, tmp_path):
    plan.with_noise.add("unit6")
    batches = batches_of(plan)
    assert [(batch.ids, batch.brief) for batch in batches if batch.brief] == [(("unit6",), True)]
    studio(Brush()).paint_missing(batches, plan, tmp_path, lambda done, total: None)
    seen = load(batches, tmp_path)
    noisy, other = seen.row["unit6"], seen.row["unit2"]
    assert (seen.looks["grey"][noisy, 0], seen.looks["item"][noisy]) == (6, -1)
    assert np.isnan(seen.looks["twice"][noisy]).all()
    assert (seen.looks["twice"][other, 0], seen.looks["item"][other]) == (4, 0)


def test_those_with_a_history_are_painted_apart_and_told_it(plan, tmp_path):
    history = np.full((48, 165), 0.5, np.float32)
    plan.histories["h"] = history
    for name in ("unit0", "unit6"):
        plan.units[name] = replace(plan.units[name], history_id="h")
    batches, brush = batches_of(plan), Brush()
    assert {batch.ids for batch in batches} == {("unit0", "unit6"), ("unit2", "unit4"), ("unit1", "unit3", "unit5")}
    studio(brush).paint_missing(batches, plan, tmp_path, lambda done, total: None)
    assert brush.asked.count(("profile", 2, True)) == 1


def test_what_every_batch_took_is_kept_beside_them(plan, tmp_path):
    batches = batches_of(plan)
    studio(Brush()).paint_missing(batches, plan, tmp_path, lambda done, total: None)
    lines = [json.loads(line) for line in (tmp_path / SPEED).read_text().splitlines()]
    assert [(line["arm"], line["pictures"]) for line in lines] == [("profile", 3), ("profile", 1), ("icg", 3)]
    assert all(line["seconds"] > 0 for line in lines)


def test_what_another_process_paints_meanwhile_is_not_painted_again(plan, tmp_path):
    batches, brush = batches_of(plan), Brush()

    def beside(done, total):
        (tmp_path / f"{batches[1].name}.npz").touch()

    studio(brush).paint_missing(batches, plan, tmp_path, beside)
    assert brush.asked == [("profile", 3, False), ("icg", 3, False)]
