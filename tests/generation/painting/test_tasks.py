"""Units painted in a task: killed, failing, already there."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from generation.painting.tasks import Sampler, _last_words, paint_units
from generation.pictures import to_pixels
from generation.serving.backends import InProcessPaint
from generation.store import UnitStore
from jobs.lake.images import ImageStore
from tests.support.models.stand_in import Painter
from tests.support.worlds import tiny


@pytest.fixture
def rows(planned_home, make_context):
    """The plan, best ranks first."""
    lake = make_context(ds=tiny.DS, home=planned_home).lake
    return lake.read("generation_plan", ds=tiny.DS).sort_by("rank").to_pylist()


@pytest.fixture
def store(planned_home, tmp_path):
    """A store with the references, and nothing painted."""
    shutil.copytree(planned_home / "images", tmp_path / "images")
    return UnitStore(ImageStore(str(tmp_path / "images")))


def test_a_message_from_a_task_survives_spark():
    trace = "pyspark.errors.PythonException: ...\n  File x\njobs.lake.errors.TryAgainError: No answer from Triton\n"
    assert _last_words(trace) == "No answer from Triton"


class Interrupted:
    """Paints some pictures, then the machine is gone."""

    def __init__(self, pictures):
        self.inner, self.pictures = InProcessPaint(Painter(), max_batch=4), pictures

    def fingerprint(self, method="profile"):
        return self.inner.fingerprint(method)

    def paint(self, requests):
        for number, result in enumerate(self.inner.paint(requests)):
            if number == self.pictures:
                raise KeyboardInterrupt
            yield result


def test_a_killed_run_goes_on_where_it_was(rows, store):
    sampler = Sampler(generators={"profile": "stand-in-1"}, steps=2, guidance=(1.0,))
    with pytest.raises(KeyboardInterrupt):
        list(paint_units(rows, Interrupted(7), store, sampler))
    assert len(store.find_all(row["unit_id"] for row in rows)) == 3  # 7 pictures are 3 whole units

    rest = InProcessPaint(Painter(), max_batch=4)
    outcomes = list(paint_units(rows, rest, store, sampler))
    assert len(outcomes) == 11
    assert sum(size for size, _, _ in rest.painter.batches) == (11 - 3) * 2


def test_a_failing_unit_is_reported_and_the_others_are_painted(rows, store):
    rows = rows[:3]
    rows[1] |= {"prompt": "unpaintable"}
    sampler = Sampler(generators={"profile": "stand-in-1"}, steps=2, guidance=(1.0,))
    backend = InProcessPaint(Painter(), max_batch=8)
    outcomes = {row["unit_id"]: row for row in paint_units(rows, backend, store, sampler)}
    assert [bool(outcomes[row["unit_id"]]["error"]) for row in rows] == [False, True, False]
    assert outcomes[rows[1]["unit_id"]]["cover_ids"] == []
    assert "INTERNAL: RuntimeError: this prompt breaks the model" in outcomes[rows[1]["unit_id"]]["error"]


def test_units_are_painted_from_the_pictures_of_their_clicked_covers(rows, store):
    """A segment's covers are decoded once for all of its units."""
    asked = []

    class Listening(InProcessPaint):
        def paint(self, requests):
            asked.extend(requests)
            return super().paint([replace(request, pictures=None) for request in requests])

    covers = sorted({row["reference_cover_id"] for row in rows})[:2]
    told = [row | {"method": "pigeon", "clicked_covers": covers} for row in rows[:2]]
    sampler = Sampler(generators={"pigeon": "stand-in-1", "profile": "stand-in-1"}, steps=2, guidance=(1.0,))
    outcomes = list(paint_units([*told, rows[2]], Listening(Painter(), max_batch=8), store, sampler))
    assert not any(outcome["error"] for outcome in outcomes)
    expected = np.stack([to_pixels(store.images.get(cover)) for cover in covers])
    assert [request.pictures is None for request in asked] == [False] * 4 + [True] * 2
    for request in asked[:4]:
        assert request.pictures is asked[0].pictures
        np.testing.assert_array_equal(request.pictures, expected)


def test_pictures_of_another_generator_are_refused(rows, store):
    sampler = Sampler(generators={"profile": "planned"}, steps=2, guidance=(1.0,))
    (outcome,) = paint_units(rows[:1], InProcessPaint(Painter(), max_batch=8), store, sampler)
    assert outcome["error"] == "painted by generator stand-in-1, planned for planned"
