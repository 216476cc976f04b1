import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import generation.painting.stage as worker
from conf.errors import TryAgainError, UsageError
from generation.painting.stage import run
from generation.store import UnitStore
from tests.generation.painting.conftest import GENERATION
from tests.support.models.stand_in import Painter
from tests.support.worlds import tiny


@pytest.fixture
def night(planned_home, make_context, stand_in, reward_model, tmp_path):
    """A copy of the planned night, with other settings of generation."""

    def make(**generation):
        shutil.copytree(planned_home, tmp_path / "home")
        return make_context(ds=tiny.DS, home=tmp_path / "home", generation={**GENERATION, **generation})

    return make


def nobody_paints(*_):
    raise AssertionError("everything is painted already")


def test_a_night_through_spark_and_triton(night, monkeypatch):
    ctx = night()
    told = []
    ctx.progress = lambda done, total, what: told.append((done, total))
    result = run(ctx)
    assert result.metrics["pictures_painted"] == 22
    assert result.metrics["units_failed"] == 0
    assert told[-1] == (11, 11)

    generated = ctx.lake.read("generated_covers", ds=tiny.DS).to_pandas()
    different = generated["cover_id"].nunique()
    assert result.rows == {"covers": different, "cover_features": different, "generated_covers": 22}
    assert (generated.groupby("unit_id")["selected"].sum() == 1).all()
    assert set(generated["generator"]) == {"stand-in-1"}
    names = [set(dict(rewards)) for rewards in generated["rewards"]]
    checked = generated["selected"] & (generated["purpose"] != "evaluate")
    for has, row in zip(names, checked, strict=True):
        assert has == (
            {"personal", "relevance", "aesthetic", "nsfw"} if row else {"personal", "relevance", "aesthetic"}
        )
    for _, unit in generated.groupby("unit_id"):
        assert unit["score"].max() == unit.loc[unit["selected"], "score"].item()

    covers = ctx.lake.read("covers").filter(pc.field("source") == "generated").to_pandas()
    assert covers["created_at"].max().isoformat() == "2026-03-29T23:59:59.999999+00:00"
    assert all(len(ctx.images.get(row.cover_id)) == row.bytes for row in covers.itertuples())

    # the same again paints nothing, asks no server and leaves the same rows
    monkeypatch.setattr(worker, "open_backend", nobody_paints)
    again = run(ctx)
    assert again.metrics["pictures_painted"] == 0
    assert again.metrics["pictures_reused"] == 22
    assert again.rows == {"covers": 0, "cover_features": 0, "generated_covers": 22}
    repeated = ctx.lake.read("generated_covers", ds=tiny.DS).to_pandas()
    order = ["unit_id", "candidate"]
    left, right = (each.sort_values(order, ignore_index=True) for each in (generated, repeated))
    assert left["cover_id"].tolist() == right["cover_id"].tolist()
    assert left["selected"].tolist() == right["selected"].tolist()


def test_in_this_process_paints_the_same(night):
    ctx = night(backend="inprocess")
    assert run(ctx).metrics["pictures_painted"] == 22
    row = next(row for row in ctx.lake.read("generation_plan", ds=tiny.DS).to_pylist() if row["segment_id"] == "s1")
    stored = UnitStore(ctx.images).find(row["unit_id"])
    assert len(stored.cover_ids) == 2


def test_a_plan_for_another_generator_is_not_painted(night, monkeypatch):
    ctx = night(backend="inprocess")
    monkeypatch.setattr(Painter, "fingerprint", "stand-in-2")
    with pytest.raises(UsageError, match=r"made for another generator.*coverlift plan --ds 2026-03-29"):
        run(ctx)


def test_without_a_plan_the_stage_to_run_is_named(make_context):
    with pytest.raises(UsageError, match=r"coverlift plan --ds 2026-03-29"):
        run(make_context(ds=tiny.DS))


def test_an_unreachable_server_is_try_again(night):
    from generation.serving.server import free_ports

    (port,) = free_ports(1)
    ctx = night(backend="triton", urls=[f"127.0.0.1:{port}"])
    with pytest.raises(TryAgainError, match=f"^No answer from Triton at 127.0.0.1:{port} after 4 attempts"):
        run(ctx)


def test_one_failing_unit_in_ten_is_borne_two_are_not():
    worker._report_failures({"a": "INTERNAL: x"}, 10)
    with pytest.raises(TryAgainError, match="2 of 10 units were not painted, like a: INTERNAL: x"):
        worker._report_failures({"a": "INTERNAL: x", "b": "INTERNAL: y"}, 10)


def test_a_spoiled_picture_of_two_items_is_one_row_of_features():
    import pandas as pd

    candidates = pd.DataFrame({"cover_id": ["a" * 64, "a" * 64, "b" * 64]})
    table = worker._features(candidates, np.ones((3, 128), np.float32), np.ones((3, 32), np.float32), "e")
    assert isinstance(table, pa.Table)
    assert table["cover_id"].to_pylist() == ["a" * 64, "b" * 64]


def test_a_policy_can_ask_about_every_reward():
    from conf.policy import RewardRanges

    assert {*RewardRanges.model_fields, worker.GATE} == {*worker.REWARDS, worker.GATE}
