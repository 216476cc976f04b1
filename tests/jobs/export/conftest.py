"""A home with nights as the ledger has them, figures, a report and a reward model, written by hand."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from deltalake import write_deltalake

from jobs.lake.schema.tables import TABLES
from recsys_eval.stage import report_dir
from reward_model import registry
from tests.support.worlds.samples import sample

NIGHT = "2026-03-29"
SETTINGS = {"reward": {"epochs": 4, "seed": 11}, "policy": {"rules": [{"name": "r" * 7000}]}}


class ByHand:
    """Writes what a night leaves behind."""

    def __init__(self, make_context):
        self.make_context = make_context

    def night(self, ds=NIGHT, *, settings=None, lift=0.25, failed=False, model="aaaa"):
        """A night of two stages with a figure; returns its context."""
        ctx = self.make_context(ds=ds)
        told = settings or SETTINGS
        rows = sample(
            "runs", 2, ds=ds, stage=["plan", "train-reward"], status=["failed" if failed else "done", "done"],
            config=[json.dumps({"ds": ds, "policy": told["policy"]}), json.dumps({"ds": ds, "reward": told["reward"]})],
            metrics=[[("expected_gain", 3.5)], [("torch_auc", float("nan"))]],
        )  # fmt: skip
        self._replace(ctx, "runs", rows, ds)
        at = [datetime(2026, 3, 30, 2, minute, tzinfo=UTC) for minute in (0, 1, 5, 9)]
        attempts = sample(
            "run_attempts", 4, ds=ds, stage="plan", attempt=[1, 1, 2, 2],
            status=["running", "failed", "running", "done"], at=at,
        )  # fmt: skip
        self._replace(ctx, "run_attempts", attempts, ds)
        report_dir(ctx).mkdir(parents=True, exist_ok=True)
        figure = {"name": "generated.wndcg@10.lift", "value": lift, "low": 0.125, "high": None}
        (report_dir(ctx) / "metrics.json").write_text(json.dumps({"figures": [figure], "simulated": True}))
        (report_dir(ctx) / "index.html").write_text(f"<p>{ds}")
        self.model(ctx, model)
        return ctx

    def model(self, ctx, version):
        """A reward model of some version, champion of the night."""
        folder = registry.models_dir(ctx.home) / version
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.safetensors").write_bytes(version.encode() * 1000)
        facts = {
            "version": version, "ds": ctx.ds.isoformat(), "settings": {"epochs": 4}, "validation_log_loss": [0.4, 0.3],
            "metrics": {"torch": {"gauc": {"value": 0.75, "low": 0.5, "high": 1.0}}},
            "files": {"model.safetensors": hashlib.sha256(version.encode() * 1000).hexdigest()},
        }  # fmt: skip
        (folder / "model.json").write_text(json.dumps(facts))
        registry.write_champion(ctx.home, ctx.ds, {"version": version})

    @staticmethod
    def _replace(ctx, table, rows, ds):
        place, rows = ctx.lake.path(table), rows.cast(TABLES[table].schema)
        write_deltalake(place, rows, partition_by=["ds"], mode="overwrite", predicate=f"ds = '{ds}'")


@pytest.fixture
def by_hand(make_context):
    return ByHand(make_context)
