import json
from datetime import UTC, datetime

import pytest

from conf.errors import ContractError, UsageError
from jobs.export.night import LONGEST_PARAM, model_run, night_runs
from reward_model import registry
from tests.jobs.export.conftest import SETTINGS


def test_a_night_is_told_with_figures_settings_and_its_stages(by_hand):
    ctx = by_hand.night()
    night, (train, plan) = night_runs(ctx)
    assert night.metrics == {"generated.wndcg_at_10.lift": 0.25, "generated.wndcg_at_10.lift.low": 0.125}
    assert (night.params["reward.epochs"], len(night.params["policy.rules"])) == ("4", LONGEST_PARAM)
    assert json.loads(night.files["settings.json"]) == SETTINGS
    assert set(night.files) == {"settings.json", "metrics.json", "index.html"}
    assert (train.name, plan.name) == ("train-reward 2026-03-29", "plan 2026-03-29"), "in the order of the night"
    assert plan.metrics == {"rows.key": 3.0, "seconds": 0.5, "expected_gain": 3.5}
    assert "torch_auc" not in train.metrics, "MLflow's store takes no figure that is none"
    assert (plan.begun, plan.ended) == tuple(datetime(2026, 3, 30, 2, minute, tzinfo=UTC) for minute in (5, 9))
    assert (night.begun, night.ended, night.failed, train.begun) == (plan.begun, plan.ended, False, None)
    assert night_runs(by_hand.night(failed=True))[0].failed


def test_what_is_the_same_has_the_same_identity_and_nothing_else(by_hand):
    first, again = (night_runs(by_hand.night(lift=lift)) for lift in (0.25, 0.5))
    other = night_runs(by_hand.night("2026-03-28"))
    ids = [[night.identity, *(stage.identity for stage in stages)] for night, stages in (first, again, other)]
    assert ids[0] == ids[1]
    assert len(set(ids[0]) | set(ids[2])) == 6


def test_a_night_without_figures_or_model_is_told_and_one_that_never_ran_is_not(by_hand, make_context):
    ctx = by_hand.night()
    for path in (ctx.home / "reports").rglob("*.*"):
        path.unlink()
    (registry.models_dir(ctx.home) / "champion" / "ds=2026-03-29.json").unlink()
    night, stages = night_runs(ctx)
    assert (night.metrics, set(night.files), len(stages)) == ({}, {"settings.json"}, 2)
    assert model_run(ctx) is None
    with pytest.raises(UsageError, match="There is no night 2026-03-20"):
        night_runs(make_context(ds="2026-03-20"))


def test_the_champion_comes_with_its_files_unless_they_were_changed(by_hand):
    ctx = by_hand.night(model="abcd")
    run = model_run(ctx)
    assert (run.name, set(run.files)) == ("reward model abcd", {"model/model.json", "model/model.safetensors"})
    assert run.metrics == {
        "torch.gauc": 0.75, "torch.gauc.low": 0.5, "torch.gauc.high": 1.0, "validation_log_loss": 0.3
    }  # fmt: skip
    run.files["model/model.safetensors"].write_bytes(b"other")
    with pytest.raises(ContractError, match="is not the file"):
        model_run(ctx)
